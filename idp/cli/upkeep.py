"""Settings, database, audit and keys."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import msgspec

from idp.cli.context import foundation, load

if TYPE_CHECKING:
    from idp.oidc.keys import KeyRing


@click.group(name="config")
def config_group() -> None:
    """Settings."""


@config_group.command(name="check")
@click.pass_context
def config_check(ctx: click.Context) -> None:
    """Tell every mistake at once."""
    loaded = load(ctx)
    click.echo(f"OK: {loaded.server.profile}, {loaded.server.issuer}")


@click.group()
def db() -> None:
    """The database."""


@db.command()
@click.option("--sql", is_flag=True, help="Print the statements instead of running them.")
@click.pass_context
def upgrade(ctx: click.Context, *, sql: bool) -> None:
    """Bring the schema to the newest revision."""
    from idp.storage import migrate  # noqa: PLC0415  heavy

    url = load(ctx).database_url
    if sql:
        migrate.upgrade_sql(url)
        return
    migrate.upgrade(url)
    click.echo(f"schema is at {migrate.current(url)}")


@click.command()
@click.pass_context
def purge(ctx: click.Context) -> None:
    """Delete what has expired; link what of the audit the worker overlooked."""
    from idp.storage import purge as purging  # noqa: PLC0415  heavy
    from idp.storage.audit import AuditStore  # noqa: PLC0415  heavy

    base = foundation(ctx)
    for table, count in purging.purge(base.database, now=base.clock()):
        click.echo(f"{table}: {count}")
    store = AuditStore(base.database, base.vault)
    click.echo(f"audit: {sum(iter(store.seal_pending, 0))} linked")


@click.group()
def audit() -> None:
    """The audit."""


@audit.command()
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check the whole chain; print the first break."""
    from idp.storage.audit import AuditStore  # noqa: PLC0415  heavy

    base = foundation(ctx)
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

    base = foundation(ctx)
    for linked in AuditStore(base.database, base.vault).export():
        line = {"number": linked.number, "hash": linked.hash.hex(), "mac": linked.mac.hex()}
        click.echo(msgspec.json.encode(line | asdict(linked.event)))


@click.group()
def keys() -> None:
    """Keys: those that sign, and those that portals encrypt for us with."""


def _key_rings(ctx: click.Context, *, is_federation: bool) -> tuple[KeyRing, ...]:
    """Those that turn together."""
    from idp import app  # noqa: PLC0415  heavy
    from idp.oidc import decryption  # noqa: PLC0415  heavy
    from idp.oidc.federation import building  # noqa: PLC0415  heavy
    from idp.oidc.keys import KeyRing  # noqa: PLC0415  heavy

    loaded = load(ctx)
    if is_federation:
        return (building.key_ring(loaded, app.system_clock),)
    announce = timedelta(seconds=loaded.keys.announce)
    retire = timedelta(seconds=loaded.keys.retire)
    folder, clock = loaded.keys_folder, app.system_clock
    return (
        KeyRing(folder / "signing", clock, announce=announce, retire=retire),
        decryption.key_ring(folder, clock, announce=announce, retire=retire),
    )


_FEDERATION = click.option(
    "--federation",
    is_flag=True,
    help="The keys of OpenID Federation; tell your superior of a new one before it signs.",
)


@keys.command()
@_FEDERATION
@click.option("--alg", "only", multiple=True, help="Only keys of this algorithm; may be repeated.")
@click.pass_context
def rotate(ctx: click.Context, only: tuple[str, ...], *, federation: bool) -> None:
    """Announce a new key; let the announced one sign when its time has come."""
    rings = _key_rings(ctx, is_federation=federation)
    known = [alg for ring in rings for alg in ring.algorithms]
    strange = sorted(set(only) - set(known))
    if strange:
        told = f"{strange[0]!r} is none of {', '.join(known)}"
        raise click.BadParameter(told, param_hint="--alg")
    for ring in rings:
        ring.ensure()
        ring.rotate(only)
        _print_keys(ring)
    ready = rings[0].signs_from()
    if ready:
        click.echo(f"The announced keys may sign from {ready:%Y-%m-%d %H:%M}Z; rotate again then.")


@keys.command(name="list")
@_FEDERATION
@click.pass_context
def list_keys(ctx: click.Context, *, federation: bool) -> None:
    """Show every key with its state."""
    for ring in _key_rings(ctx, is_federation=federation):
        _print_keys(ring)


def _print_keys(ring: KeyRing) -> None:
    for key in ring.list():
        click.echo(
            f"{key.kid}  {key.alg:<14}  {key.state:<9}  since {key.changed_at:%Y-%m-%d %H:%M}Z"
        )
