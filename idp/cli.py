"""The command line: ``idp <command>``. Heavy parts are imported by the command that needs them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from idp import config as settings
from idp.config import Config
from idp.domain.errors import ConfigError, DomainError, IdpError
from idp.domain.operators import Role
from idp.domain.subjects import IdNumber

if TYPE_CHECKING:
    from idp.app import Foundation
    from idp.oidc.keys import KeyRing
    from idp.portals import Switch

_DEFAULT = Path("config.toml")


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
    ctx.obj = path or (_DEFAULT if _DEFAULT.exists() else None)


def _load(ctx: click.Context) -> Config:
    return settings.load(ctx.obj, os.environ)


def _found(ctx: click.Context) -> Foundation:
    from idp import app  # noqa: PLC0415  heavy

    return app.found(_load(ctx))


# --- running ------------------------------------------------------------------------------------


@main.command()
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


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the tests."""
    import pytest  # noqa: PLC0415  not installed with the product

    sys.exit(pytest.main(list(arguments)))


@main.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bridge(arguments: tuple[str, ...]) -> None:
    """Run the signing tool for USB tokens on this computer (--help tells its options)."""
    from idp.bridge import cli as tool  # noqa: PLC0415  not part of the provider

    sys.exit(tool.main(list(arguments)))


@main.command()
@click.pass_context
def serve(ctx: click.Context) -> None:
    """Serve people and portals."""
    from idp import serve as server  # noqa: PLC0415  heavy

    server.run(_load(ctx), (ctx.obj or _DEFAULT).resolve())


@main.command()
@click.pass_context
def worker(ctx: click.Context) -> None:
    """Deliver messages and link the audit."""
    from idp import logs  # noqa: PLC0415
    from idp import worker as working  # noqa: PLC0415  heavy

    base = _found(ctx)
    logs.setup(base.config.log.level, base.config.log.format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    working.build(base).run(stop)


# --- settings and database ----------------------------------------------------------------------


@main.group(name="config")
def config_group() -> None:
    """Settings."""


@config_group.command(name="check")
@click.pass_context
def config_check(ctx: click.Context) -> None:
    """Tell every mistake at once."""
    loaded = _load(ctx)
    click.echo(f"OK: {loaded.server.profile}, {loaded.server.issuer}")


@main.group()
def db() -> None:
    """The database."""


@db.command()
@click.option("--sql", is_flag=True, help="Print the statements instead of running them.")
@click.pass_context
def upgrade(ctx: click.Context, *, sql: bool) -> None:
    """Bring the schema to the newest revision."""
    from idp.storage import migrate  # noqa: PLC0415  heavy

    url = _load(ctx).database_url
    if sql:
        migrate.upgrade_sql(url)
        return
    migrate.upgrade(url)
    click.echo(f"schema is at {migrate.current(url)}")


@main.command()
@click.pass_context
def purge(ctx: click.Context) -> None:
    """Delete what has expired; link what of the audit the worker overlooked."""
    from idp.storage import purge as purging  # noqa: PLC0415  heavy
    from idp.storage.audit import AuditStore  # noqa: PLC0415  heavy

    base = _found(ctx)
    for table, count in purging.purge(base.database, now=base.clock()):
        click.echo(f"{table}: {count}")
    store = AuditStore(base.database, base.vault)
    click.echo(f"audit: {sum(iter(store.seal_pending, 0))} linked")


@main.group()
def audit() -> None:
    """The audit."""


@audit.command()
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check the whole chain; print the first break."""
    from idp.storage.audit import AuditStore  # noqa: PLC0415  heavy

    base = _found(ctx)
    store = AuditStore(base.database, base.vault)
    with click.progressbar(length=store.length(), label="audit", file=sys.stderr) as bar:
        broken = store.verify(lambda number: bar.update(number - bar.pos))
    if broken:
        click.echo(f"broken at link {broken.number}: {broken.fault}")
        ctx.exit(1)
    click.echo("OK: the chain holds")


@audit.command()
@click.pass_context
def export(ctx: click.Context) -> None:
    """Print every linked row as one line of JSON, with its place in the chain.

    Anybody can check the order: ``hash`` is SHA-256 of the hash of the line before (32 zero bytes
    at first) and ``mac``. Rows have network addresses: keep the file as the database is kept.
    """
    from idp.storage.audit import AuditStore  # noqa: PLC0415  heavy

    base = _found(ctx)
    for linked in AuditStore(base.database, base.vault).export():
        line = {"number": linked.number, "hash": linked.hash.hex(), "mac": linked.mac.hex()}
        click.echo(msgspec.json.encode(line | asdict(linked.event)))


# --- keys ---------------------------------------------------------------------------------------


@main.group()
def keys() -> None:
    """Signing keys."""


def _key_ring(ctx: click.Context, *, is_federation: bool) -> KeyRing:
    from idp import app  # noqa: PLC0415  heavy
    from idp.oidc.federation import building  # noqa: PLC0415  heavy
    from idp.oidc.keys import KeyRing  # noqa: PLC0415  heavy

    loaded = _load(ctx)
    if is_federation:
        return building.key_ring(loaded, app.system_clock)
    return KeyRing(
        loaded.keys_folder / "signing",
        app.system_clock,
        announce=timedelta(seconds=loaded.keys.announce),
        retire=timedelta(seconds=loaded.keys.retire),
    )


_FEDERATION = click.option(
    "--federation",
    is_flag=True,
    help="The keys of OpenID Federation; tell your superior of a new one before it signs.",
)


@keys.command()
@_FEDERATION
@click.pass_context
def rotate(ctx: click.Context, *, federation: bool) -> None:
    """Announce a new key; let the announced one sign when its time has come."""
    ring = _key_ring(ctx, is_federation=federation)
    ring.ensure()
    ring.rotate()
    _print_keys(ring)
    ready = ring.signs_from()
    if ready:
        click.echo(f"The announced keys may sign from {ready:%Y-%m-%d %H:%M}Z; rotate again then.")


@keys.command(name="list")
@_FEDERATION
@click.pass_context
def list_keys(ctx: click.Context, *, federation: bool) -> None:
    """Show every key with its state."""
    _print_keys(_key_ring(ctx, is_federation=federation))


def _print_keys(ring: KeyRing) -> None:
    for key in ring.list():
        click.echo(f"{key.kid}  {key.alg}  {key.state:<9}  since {key.changed_at:%Y-%m-%d %H:%M}Z")


# --- clients ------------------------------------------------------------------------------------


@main.group()
def clients() -> None:
    """Relying parties."""


@clients.command()
@click.option("--json", "file", type=click.File("rb"), required=True)
@click.option("--allow-http-loopback", is_flag=True)
@click.pass_context
def register(ctx: click.Context, file: Any, *, allow_http_loopback: bool) -> None:  # noqa: ANN401
    """Register the client metadata of a file; prints the answer of RFC 7591."""
    import msgspec  # noqa: PLC0415

    from idp import portals  # noqa: PLC0415  heavy
    from idp.oidc.client_metadata import InvalidMetadata  # noqa: PLC0415  heavy

    base = _found(ctx)
    try:
        given = msgspec.json.decode(file.read(), type=dict[str, Any] | list[dict[str, Any]])
        found = given if isinstance(given, list) else [given]
        answers = portals.register(
            base, found, portals.loopback(base.config, is_asked=allow_http_loopback)
        )
    except (msgspec.DecodeError, InvalidMetadata) as error:
        click.echo(str(error), err=True)
        ctx.exit(1)
    answer = answers if isinstance(given, list) else answers[0]
    click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())


@clients.command()
@click.option("--dry-run", is_flag=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("clients"))
@click.pass_context
def apply(ctx: click.Context, folder: Path, *, dry_run: bool) -> None:
    """Make the database match clients/*.toml."""
    from idp import portals  # noqa: PLC0415  heavy
    from idp.oidc import client_metadata, registration  # noqa: PLC0415  heavy
    from idp.storage.clients import ClientStore  # noqa: PLC0415  heavy
    from idp.storage.endings import Endings  # noqa: PLC0415  heavy

    base = _found(ctx)
    store = ClientStore(base.database, client_metadata.build)
    endings = Endings(base.database, base.vault)
    try:
        plan = registration.plan(folder, store.all(), portals.loopback(base.config, is_asked=False))
    except client_metadata.InvalidMetadata as error:
        click.echo(str(error), err=True)
        ctx.exit(1)
    for sign, names in (
        ("+", [client.client_id for client in plan.add]),
        ("~", [client.client_id for client in plan.change]),
        ("-", list(plan.remove)),
    ):
        for name in names:
            click.echo(f"{sign} {name}")
    if not dry_run:
        with base.database.transaction() as connection:
            for client in (*plan.add, *plan.change):
                store.save(connection, client, now=datetime.now(UTC))
            for name in plan.remove:
                endings.client(connection, name, now=datetime.now(UTC))
                store.remove(connection, name, now=datetime.now(UTC))
    count = len(plan.add) + len(plan.change) + len(plan.remove)
    click.echo(f"{count} {'would change' if dry_run else 'changed'}")


@clients.command(name="report")
@click.pass_context
def report(ctx: click.Context) -> None:
    """Tell, per client, what still keeps it from the FAPI 2.0 profile."""
    from idp import portals  # noqa: PLC0415  heavy

    for name, profile, gaps in portals.report(_found(ctx)):
        click.echo(f"{name}  [{profile}]  {'ready' if not gaps else ''}".rstrip())
        for gap in gaps:
            click.echo(f"  - {gap}")


@clients.command(name="token")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, show_default=True)
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True)
@click.pass_context
def initial_token(ctx: click.Context, uses: int, days: int) -> None:
    """Print an initial access token: its holder registers clients over the wire (RFC 7591)."""
    from idp import app  # noqa: PLC0415  heavy

    base = _found(ctx)
    registrar = app.registrar(base)
    click.echo(
        registrar.issue_initial_token(uses=uses, life=timedelta(days=days), now=base.clock())
    )


@clients.command(name="list")
@click.pass_context
def clients_list(ctx: click.Context) -> None:
    """Show every client: id, where it comes from, profile, name, and how it stands."""
    from idp import portals  # noqa: PLC0415  heavy

    base = _found(ctx)
    for client, stored in portals.every(base):
        about = f"{client.client_id}  {stored.source:<10}  {client.profile:<8}  "
        standing = portals.standing(client, stored, now=base.clock())
        click.echo(f"{about}{client.client_name}  {standing}".rstrip())


_CLIENT = click.argument("client_id")
_DECIDED = click.option("--by", default="cli", show_default=True, help="Who decided it.")


@clients.command(name="disable")
@_CLIENT
@_DECIDED
@click.pass_context
def clients_disable(ctx: click.Context, client_id: str, by: str) -> None:
    """Refuse CLIENT_ID and its tokens, within five seconds everywhere, until it is enabled."""
    from idp.portals import Switch  # noqa: PLC0415  heavy

    _switch_client(ctx, client_id, Switch.DISABLE, by)


@clients.command(name="enable")
@_CLIENT
@_DECIDED
@click.pass_context
def clients_enable(ctx: click.Context, client_id: str, by: str) -> None:
    """Let CLIENT_ID in again; what it had before works again."""
    from idp.portals import Switch  # noqa: PLC0415  heavy

    _switch_client(ctx, client_id, Switch.ENABLE, by)


def _switch_client(ctx: click.Context, client_id: str, way: Switch, by: str) -> None:
    from idp import portals  # noqa: PLC0415  heavy

    base, word = _found(ctx), f"{way.name.lower()}d"
    try:
        changed = portals.switch(base, client_id, way, by=by)
    except DomainError as error:
        raise click.ClickException(error.code) from error
    click.echo(f"{client_id} {word}" if changed else f"{client_id} was {word} already")


@main.group()
def recovery() -> None:
    """Accounts that their owners cannot open any more."""


@recovery.command("issue")
@click.argument("number")
@click.option("--operator", required=True, help="Who has seen the person and the card.")
@click.pass_context
def recovery_issue(ctx: click.Context, number: str, operator: str) -> None:
    """Print a one-time code for the owner of NUMBER; they hear of it on every channel."""
    from idp.app import issue_recovery  # noqa: PLC0415  heavy

    try:
        click.echo(issue_recovery(_found(ctx), number, operator))
    except DomainError as error:
        raise click.ClickException(f"no code for that number: {error.code}") from error


@main.group()
def operators() -> None:
    """Who works at /operator, in which role and where."""


_ROLE = click.Choice([str(role) for role in Role])


@operators.command("add")
@click.argument("number")
@click.option("--role", type=_ROLE, required=True)
@click.option("--unit", required=True, help="Post office, counter or office.")
@click.option("--by", required=True, help="Who decided it.")
@click.pass_context
def operators_add(ctx: click.Context, number: str, role: str, unit: str, by: str) -> None:
    """Give the owner of NUMBER a role; they are told."""
    from idp import app  # noqa: PLC0415  heavy

    base = _found(ctx)
    flow = app.operators(base)
    _say_why(lambda: flow.add(IdNumber.parse(number), Role(role), unit, by=by, now=base.clock()))
    click.echo(f"{role} added")


@operators.command("remove")
@click.argument("number")
@click.option("--role", type=_ROLE, required=True)
@click.option("--by", required=True, help="Who decided it.")
@click.pass_context
def operators_remove(ctx: click.Context, number: str, role: str, by: str) -> None:
    """Take a role away; it works no longer from this moment."""
    from idp import app  # noqa: PLC0415  heavy

    base = _found(ctx)
    flow = app.operators(base)
    _say_why(lambda: flow.remove(IdNumber.parse(number), Role(role), by=by, now=base.clock()))
    click.echo(f"{role} removed")


@operators.command("list")
@click.pass_context
def operators_list(ctx: click.Context) -> None:
    """Show every role that stands."""
    from idp.domain.accounts import Attribute  # noqa: PLC0415  heavy
    from idp.domain.operators import staff_number  # noqa: PLC0415  heavy
    from idp.storage.accounts import AccountStore  # noqa: PLC0415  heavy
    from idp.storage.operators import OperatorStore  # noqa: PLC0415  heavy

    base = _found(ctx)
    accounts = AccountStore(base.database, base.vault)
    for post in OperatorStore(base.database).standing():
        own = accounts.identity(post.account_id)
        name = own.find(Attribute.FULL_NAME)
        number = own.id_numbers[0][0].value if own.id_numbers else ""
        about = f"{number}  {name.value if name else ''}"
        click.echo(
            f"{staff_number(post.account_id)}  {post.role:<12}{post.unit}  {about}"
            f"  since {post.added_at:%d/%m/%Y}"
        )


@main.group()
def agencies() -> None:
    """The directory of agencies."""


@agencies.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.pass_context
def agencies_import(ctx: click.Context, file: Any) -> None:  # noqa: ANN401  an open text file
    """Add or change the agencies of FILE (CSV or JSON lines); all of them or none.

    Those that have an account are called there as in the file from the same moment.
    """
    from idp import app  # noqa: PLC0415  heavy
    from idp.flows.agencies import Faulty  # noqa: PLC0415  heavy

    base = _found(ctx)
    try:
        text = file.read()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name}: is not UTF-8") from error
    done = app.agency_desk(base).load(text, now=base.clock())
    if isinstance(done, Faulty):
        for fault in done.faults:
            click.echo(f"{file.name}: {fault}", err=True)
        ctx.exit(1)
    click.echo(", ".join(f"{done[name]} {name}" for name in ("added", "changed", "unchanged")))
    if done["accounts"]:
        click.echo(f"{done['accounts']} accounts updated")


def _say_why(work: Callable[[], None]) -> None:
    """Do it, or say in one sentence why not."""
    try:
        work()
    except DomainError as error:
        raise click.ClickException(error.code) from error


@main.group()
def complaints() -> None:
    """What people complain about (khiếu nại)."""


@complaints.command("list")
@click.pass_context
def complaints_list(ctx: click.Context) -> None:
    """Show those that nobody has answered, oldest first."""
    from idp.storage.complaints import ComplaintStore  # noqa: PLC0415  heavy

    base = _found(ctx)
    for found in ComplaintStore(base.database, base.vault).waiting():
        about = found.content
        click.echo(f"{about.ticket}  {found.created_at:%d/%m/%Y}  {about.id_number}")
        click.echo(f"  {about.full_name}, {about.phone}: {about.text}")


@complaints.command("answer")
@click.argument("ticket")
@click.option("--accept/--reject", "is_accepted", required=True)
@click.option("--text", required=True, help="What the claimant reads.")
@click.pass_context
def complaints_answer(ctx: click.Context, ticket: str, text: str, *, is_accepted: bool) -> None:
    """Decide a complaint."""
    from idp.app import answer_complaint  # noqa: PLC0415  heavy

    answer_complaint(_found(ctx), ticket, text, is_accepted=is_accepted)
    click.echo(f"{ticket} answered")


if __name__ == "__main__":
    main(prog_name="idp")
