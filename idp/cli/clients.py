"""Relying parties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from idp.cli.context import foundation
from idp.domain.errors import DomainError

if TYPE_CHECKING:
    from idp.portals import Switch


@click.group()
def clients() -> None:
    """Relying parties."""


@clients.command()
@click.option("--json", "file", type=click.File("rb"), required=True)
@click.option("--allow-http-loopback", is_flag=True)
@click.pass_context
def register(ctx: click.Context, file: Any, *, allow_http_loopback: bool) -> None:  # noqa: ANN401
    """Register the client metadata of a file; prints the answer of RFC 7591."""
    from idp import portals  # noqa: PLC0415  heavy
    from idp.oidc.client_metadata import InvalidMetadata  # noqa: PLC0415  heavy

    base = foundation(ctx)
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
    from idp.oidc import client_metadata, registration, response_types  # noqa: PLC0415  heavy
    from idp.storage.clients import ClientStore  # noqa: PLC0415  heavy
    from idp.storage.endings import Endings  # noqa: PLC0415  heavy

    base = foundation(ctx)
    store = ClientStore(base.database, client_metadata.build)
    endings = Endings(base.database, base.vault)
    try:
        plan = registration.plan(
            folder,
            store.all(),
            portals.loopback(base.config, is_asked=False),
            response_types.offered(base.config.oidc),
        )
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

    for name, profile, gaps in portals.report(foundation(ctx)):
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

    base = foundation(ctx)
    registrar = app.registrar(base)
    click.echo(
        registrar.issue_initial_token(uses=uses, life=timedelta(days=days), now=base.clock())
    )


@clients.command(name="list")
@click.pass_context
def clients_list(ctx: click.Context) -> None:
    """Show every client: id, where it comes from, profile, name, and how it stands."""
    from idp import portals  # noqa: PLC0415  heavy

    base = foundation(ctx)
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

    base, word = foundation(ctx), f"{way.name.lower()}d"
    try:
        changed = portals.switch(base, client_id, way, by=by)
    except DomainError as error:
        raise click.ClickException(error.code) from error
    click.echo(f"{client_id} {word}" if changed else f"{client_id} was {word} already")
