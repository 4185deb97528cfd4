"""Processes: the demo, the tests, the signing tool, the server, the worker."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from idp.cli.context import DEFAULT, counted, load


@click.command()
@click.option("--fresh", is_flag=True, help="Start from nothing.")
@click.option("--check", is_flag=True, help="Register and sign in once by script, then exit.")
@click.option("--data", type=click.Path(path_type=Path), default=Path(".cache/demo"))
@click.option("--port-base", type=click.IntRange(1024, 65000), default=8000, show_default=True)
@click.option("--config", "more", type=click.Path(exists=True, path_type=Path))
def demo(*, fresh: bool, check: bool, data: Path, port_base: int, more: Path | None) -> None:
    """Run provider, sandbox, worker and two portals."""
    from idp import demo as demonstration  # noqa: PLC0415  heavy

    options = demonstration.Options(data.resolve(), port_base, more, fresh=fresh, check=check)
    sys.exit(demonstration.run(options))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the tests."""
    import pytest  # noqa: PLC0415  not installed with the product

    sys.exit(pytest.main(list(arguments)))


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bridge(arguments: tuple[str, ...]) -> None:
    """Run the signing tool for USB tokens on this computer (--help tells its options)."""
    from idp.bridge import cli as tool  # noqa: PLC0415  not part of the provider

    sys.exit(tool.main(list(arguments)))


@click.command()
@click.pass_context
def serve(ctx: click.Context) -> None:
    """Serve people and portals."""
    from idp import serve as server  # noqa: PLC0415  heavy

    server.run(load(ctx), (ctx.obj or DEFAULT).resolve())


@click.command()
@click.pass_context
def worker(ctx: click.Context) -> None:
    """Deliver messages and link the audit."""
    from idp import logs  # noqa: PLC0415
    from idp import worker as working  # noqa: PLC0415  heavy

    base = counted(ctx, "worker")
    logs.setup(base.config.log.level, base.config.log.format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    working.build(base).run(stop)
