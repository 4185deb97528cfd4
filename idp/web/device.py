"""``/device``: let a device in that shows a code (RFC 8628, 3.3).

Code, sign-in with the level that is asked for, then one page that names who gets what and asks
whether the code is on a device in front of the person: a link with somebody else's code must not be
enough (5.4). The code in the address only fills in the field.
"""

from __future__ import annotations

import msgspec
from flask import Flask, Response, request

from idp.authenticators.contract import AskFields, Field, FieldKind
from idp.domain.assurance import IAL
from idp.domain.decoupled import Kind, read_user_code, show_user_code
from idp.domain.errors import Conflict
from idp.domain.sessions import Session
from idp.flows.answers import Said
from idp.flows.decoupled_answering import Answerer
from idp.flows.login.state import LoginState, does
from idp.storage.decoupled import Waiting
from idp.storage.transactions import Stored
from idp.web import i18n, screens
from idp.web.consent import TEXT as CONSENT_TEXT
from idp.web.journey import again, current_session, expired, house, message, read_id, visitor
from idp.web.parts import Cancel, ClientView, Frame, Message, Notice, Page, Portal, Tone
from idp.web.screens import Action, respond

KIND = "device"
FORM = AskFields("device", (Field("user_code", FieldKind.TEXT),))
RESULTS = ("approved", "denied")
_HERE = "/device"


class DeviceState(msgspec.Struct, frozen=True):
    """Which request this browser answers, and the code that it typed."""

    request: str
    user_code: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DeviceState).decode


def init_app(app: Flask) -> None:
    """Answer ``/device`` and everything below."""
    app.add_url_rule(_HERE, "device", _enter, methods=["GET", "POST"])
    app.add_url_rule(f"{_HERE}/done/<result>", "device_done", _done)
    app.add_url_rule(f"{_HERE}/<transaction>", "device_step", _step, methods=["GET", "POST"])


# --- the code -----------------------------------------------------------------------------------


def _enter() -> Response:
    if request.method == "GET":
        code = read_user_code(request.args.get("user_code", ""))
        return respond(_form(show_user_code(code) if code else "", None))
    typed = screens.read_fields(FORM, request.form).values["user_code"]
    now = house().clock()
    found = house().decoupled.answering.find_code(typed, visitor(), now=now)
    if isinstance(found, Said):
        return respond(_form(typed, found), 422)
    state = DeviceState(found.id.hex, show_user_code(read_user_code(typed)))
    stored = house().transactions.add(
        KIND,
        _encode(state),
        browser_hash=visitor().browser_hash,
        now=now,
        ttl=found.expires_at - now,
    )
    return again(f"{_HERE}/{stored.id.hex}")


def _form(typed: str, fault: Said | None) -> Page:
    faults = {"user_code": message(fault)} if fault else {}
    return screens.ask_fields(FORM, Frame(_HERE), values={"user_code": typed}, faults=faults)


# --- the question -------------------------------------------------------------------------------


def _step(transaction: str) -> Response:
    now, flow = house().clock(), house().decoupled.answering
    stored = house().transactions.find(
        read_id(transaction), KIND, browser_hash=visitor().browser_hash, now=now
    )
    if stored is None:
        return expired(_HERE)
    state = _decode(stored.state)
    waiting = flow.store.find(read_id(state.request), now=now)
    if waiting is None:
        return expired(_HERE)
    session = current_session(now=now)
    if session is None or not session.free_proofs:
        return to_login(waiting, f"{_HERE}/{transaction}")
    is_enough = waiting.asked.is_met_by(flow.proven(session, now=now))
    if not is_enough and can_reach(session, waiting):
        return to_login(waiting, f"{_HERE}/{transaction}")
    if request.method == "GET":
        return respond(_question(waiting, state, f"{_HERE}/{transaction}", is_enough=is_enough))
    return _answer(stored, waiting, session)


def _answer(stored: Stored, waiting: Waiting, session: Session) -> Response:
    """Yes or no, once; what was decided before stays."""
    now, flow = house().clock(), house().decoupled.answering
    is_yes = screens.read_action(request.form) is not Action.CANCEL
    try:
        if is_yes:
            answerer = Answerer(
                session.account_id,
                session.account_ial,
                session.free_proofs,
                CONSENT_TEXT,
                session.actor_id,
            )
            flow.approve(waiting, answerer, visitor(), now=now)
        else:
            flow.refuse(waiting, session.account_id, visitor(), now=now)
    except Conflict as error:
        if error.code == "request.level":
            return again(f"{_HERE}/{stored.id.hex}")
        if error.code == "request.over":
            return expired(_HERE)
        raise
    house().transactions.end(stored, now=now)
    return again(f"{_HERE}/done/{'approved' if is_yes else 'denied'}")


def _question(waiting: Waiting, state: DeviceState, here: str, *, is_enough: bool) -> Page:
    asked = waiting.asked
    frame = Frame(here, portal=portal_of(waiting), cancel=Cancel.OFFERED)
    notice = None if is_enough else Notice(Message("decoupled.level"), Tone.WARNING)
    context: dict[str, object] = {
        "frame": frame,
        "portal": frame.portal,
        "notice": notice,
        "faults": {},
        "client": client_view(waiting),
        "code": state.user_code,
        "data": asked.items,
        "at": waiting.created_at,
        "ip": asked.ip,
        "place": house().places.name(asked.ip, i18n.current().language),
        "is_enough": is_enough,
    }
    return Page("device_confirm.html", context)


def _done(result: str) -> Response:
    if result not in RESULTS:
        return again(_HERE)
    return respond(screens.plain("device_done.html", result=result))


# --- what approvals do as well ------------------------------------------------------------------


def client_view(waiting: Waiting) -> ClientView:
    """The portal that asks, as it is registered now."""
    client = house().clients.find(waiting.asked.client_id)
    if client is None:
        return ClientView(waiting.asked.portal)
    return ClientView(client.client_name, policy=client.policy_uri, terms=client.tos_uri)


def portal_of(waiting: Waiting) -> Portal:
    """Who asks, and for which level."""
    wanted, is_asking = waiting.asked.wanted, waiting.kind is Kind.CIBA
    return Portal(waiting.asked.portal, wanted if wanted > IAL.NONE else None, is_asking=is_asking)


def can_reach(session: Session, waiting: Waiting) -> bool:
    """Whether another sign-in of this account could prove what is asked for."""
    wanted, resists = waiting.asked.wanted, waiting.asked.resists
    return session.account_ial >= wanted and any(
        method.login is not None and does(method, wanted, resists)
        for method in house().login.methods
    )


def to_login(waiting: Waiting, back: str, *, made_for: str = "") -> Response:
    """Sign in for this request, with a method that can prove what it asks for."""
    asked, flow = waiting.asked, house().login
    wanted = asked.wanted
    state = LoginState(
        flow.method_for(wanted, asked.resists).name,
        portal=asked.portal,
        client_id=asked.client_id,
        wanted=int(wanted) if wanted > IAL.NONE else 0,
        floor=int(wanted),
        resists=int(asked.resists),
        back=back,
        made_for=made_for,
    )
    return again(f"/login/{flow.start(state, visitor(), now=house().clock()).hex}")
