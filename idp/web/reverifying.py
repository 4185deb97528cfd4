"""``/account/reverify``: whoever vouches is asked again (S11)."""

from __future__ import annotations

from uuid import UUID

from flask import Flask, Response, request

from idp.domain.assurance import IAL
from idp.domain.sessions import Session
from idp.domain.subjects import IdKind
from idp.flows.login.state import LoginState
from idp.web import screens
from idp.web.journey import again, house, message, refused, visitor
from idp.web.owner import name_of, owner
from idp.web.parts import Cancel, Frame, Link
from idp.web.screens import Action, respond


def init_app(app: Flask) -> None:
    """Answer the form."""
    app.add_url_rule("/account/reverify", "account_reverify", _reverify, methods=["GET", "POST"])


@owner("/account/reverify")
def _reverify(session: Session) -> Response:
    """Xác minh lại: whoever vouches is asked again, for a new card or another name (S11)."""
    now, flow = house().clock(), house().reverifying
    account = flow.account.check_change(session, now=now)
    own = house().accounts.identity(account.id)
    registries, signed = flow.ways(account, own), signing(account.id)
    ways = (*registries, *signed)
    way = request.args.get("by") or next(iter(ways), "")
    if way in signed:
        return _sign_again(account.id, way)
    others = tuple(
        Link(f"link.reverify.{other}", f"/account/reverify?by={other}")
        for other in ways
        if other != way
    )
    form = flow.form(way)
    action = f"/account/reverify?by={way}" if way in registries else "/account/reverify"
    frame = Frame(action, links=others, cancel=Cancel.OFFERED)
    if request.method == "GET":
        known = {number.kind: number.value for number, _ in own.id_numbers}
        number = known.get(IdKind.CCCD) or next(iter(known.values()), "")
        values = {"username": number, "full_name": name_of(session)}
        return respond(screens.ask_fields(form, frame, values=values))
    if screens.read_action(request.form) is Action.CANCEL:
        return again("/account")
    typed = screens.read_fields(form, request.form).values
    wrong = flow.verify(session, way, typed, visitor(), now=now)
    if not wrong:
        return again("/account?saved")
    shown = {name: message(said) for name, said in wrong.items()}
    return refused(screens.ask_fields(form, frame, values=typed, faults=shown), wrong.values())


def signing(account_id: UUID) -> tuple[str, ...]:
    """Methods with a certificate that the account has, so that it can vouch again."""
    held = {bound.method for bound in house().credentials.of_account(account_id)}
    return tuple(
        method.name
        for method in house().login.methods
        if method.login and method.ial is IAL.HIGH and method.name in held
    )


def _sign_again(account_id: UUID, method: str) -> Response:
    """The method's own sign-in, whose certificate renews the facts."""
    now, flow = house().clock(), house().login
    state = LoginState(method, floor=int(IAL.HIGH), reverifying=account_id.hex)
    started = flow.start(state, visitor(), now=now)
    journey = flow.find(started, visitor(), now=now)
    if journey is not None:
        flow.choose(journey, method)
    return again(f"/login/{started.hex}")
