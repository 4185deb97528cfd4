"""What operators do without the console: recovery codes, roles, agencies, complaints."""

from __future__ import annotations

from typing import Any

import click

from idp.cli.context import foundation, say_why
from idp.domain.errors import DomainError
from idp.domain.operators import Role
from idp.domain.subjects import IdNumber


@click.group()
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
        click.echo(issue_recovery(foundation(ctx), number, operator))
    except DomainError as error:
        raise click.ClickException(f"no code for that number: {error.code}") from error


@click.group()
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

    base = foundation(ctx)
    flow = app.operators(base)
    say_why(lambda: flow.add(IdNumber.parse(number), Role(role), unit, by=by, now=base.clock()))
    click.echo(f"{role} added")


@operators.command("remove")
@click.argument("number")
@click.option("--role", type=_ROLE, required=True)
@click.option("--by", required=True, help="Who decided it.")
@click.pass_context
def operators_remove(ctx: click.Context, number: str, role: str, by: str) -> None:
    """Take a role away; it works no longer from this moment."""
    from idp import app  # noqa: PLC0415  heavy

    base = foundation(ctx)
    flow = app.operators(base)
    say_why(lambda: flow.remove(IdNumber.parse(number), Role(role), by=by, now=base.clock()))
    click.echo(f"{role} removed")


@operators.command("list")
@click.pass_context
def operators_list(ctx: click.Context) -> None:
    """Show every role that stands."""
    from idp.domain.accounts import Attribute  # noqa: PLC0415  heavy
    from idp.domain.operators import staff_number  # noqa: PLC0415  heavy
    from idp.storage.accounts import AccountStore  # noqa: PLC0415  heavy
    from idp.storage.operators import OperatorStore  # noqa: PLC0415  heavy

    base = foundation(ctx)
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


@click.group()
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

    base = foundation(ctx)
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


@click.group()
def complaints() -> None:
    """What people complain about (khiếu nại)."""


@complaints.command("list")
@click.pass_context
def complaints_list(ctx: click.Context) -> None:
    """Show those that nobody has answered, oldest first."""
    from idp.storage.complaints import ComplaintStore  # noqa: PLC0415  heavy

    base = foundation(ctx)
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

    answer_complaint(foundation(ctx), ticket, text, is_accepted=is_accepted)
    click.echo(f"{ticket} answered")
