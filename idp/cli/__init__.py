"""The command line: ``idp <command>``. Heavy parts are imported by the command that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from idp.cli import accounts, clients, offices, running, upkeep
from idp.cli.context import DEFAULT
from idp.domain.errors import ConfigError, IdpError


class _Commands(click.Group):
    """Errors of ours are sentences for an operator, not traces."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's own type
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            ctx.exit(1)
        except IdpError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Commands)
@click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IDP_CONFIG",
    help="Settings file; config.toml of this folder when it is not given.",
)
@click.pass_context
def main(ctx: click.Context, path: Path | None) -> None:
    """Một Cửa: one account for every public service."""
    ctx.obj = path or (DEFAULT if DEFAULT.exists() else None)


for _command in (
    running.demo, running.test, running.bridge, running.serve, running.worker,
    upkeep.config_group, upkeep.db, upkeep.purge, upkeep.audit, upkeep.keys,
    accounts.accounts, clients.clients,
    offices.recovery, offices.operators, offices.agencies, offices.complaints,
):  # fmt: skip
    main.add_command(_command)
