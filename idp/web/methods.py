"""``/account/methods``: what opens the account; add a token or SIM, remove one (R64-R66)."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask, Response, request

from idp.domain.assurance import IAL
from idp.domain.errors import LastMethodError
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.flows.login import LoginState
from idp.web.journey import again, current_session, house, read_id, visitor
from idp.web.parts import Message, Notice, Page, Tone
from idp.web.screens import respond

FRESH = timedelta(minutes=5)


def init_app(app: Flask) -> None:
    """Answer the page and its buttons."""
    app.add_url_rule("/account/methods", "methods", _methods)
    app.add_url_rule("/account/methods/add", "methods_add", _add, methods=["POST"])
    app.add_url_rule("/account/methods/remove", "methods_remove", _remove, methods=["POST"])


def _methods() -> Response:
    session = current_session(now=house().clock())
    return _page(session) if session else again("/login")


def _page(session: Session, notice: Notice | None = None, status: int = 200) -> Response:
    account = house().accounts.get(session.account_id)
    context = {
        "has_password": account.password_hash is not None,
        "phones": account.phones,
        "credentials": house().credentials.of_account(account.id),
        "offers": [
            method.name
            for method in house().login.methods
            if method.login is not None and method.ial is IAL.HIGH
        ],
        "level": account.ial,
        "notice": notice,
        "portal": None,
        "faults": {},
    }
    return respond(Page("methods.html", context), status)


def _add() -> Response:
    """The method's own sign-in, whose proof is bound instead of looked up."""
    now = house().clock()
    session = current_session(now=now)
    if session is None:
        return again("/login")
    method = request.form.get("method", "")
    able = {m.name for m in house().login.methods if m.login is not None and m.ial is IAL.HIGH}
    if method not in able:
        return again("/account/methods")
    if not _is_fresh(session, now):
        return _prove_again(now)
    state = LoginState(method, binding=session.account_id.hex)
    flow = house().login
    started = flow.start(state, visitor(), now=now)
    journey = flow.find(started, visitor(), now=now)
    if journey is not None:
        flow.choose(journey, method)
    return again(f"/login/{started.hex}")


def _remove() -> Response:
    now = house().clock()
    session = current_session(now=now)
    if session is None:
        return again("/login")
    if not _is_fresh(session, now):
        return _prove_again(now)
    credential_id = read_id(request.form.get("credential", ""))
    try:
        with house().database.transaction() as connection:
            method = house().levels.unbind(connection, session.account_id, credential_id, now=now)
            details = {"method": method, "ip": visitor().ip}
            event = AuditEvent(Event.CREDENTIAL_REMOVED, now, session.account_id, details=details)
            house().audit.add(connection, event)
    except LastMethodError:
        return _page(session, Notice(Message("methods.last"), Tone.WARNING), 422)
    return again("/account/methods")


def _is_fresh(session: Session, now: datetime) -> bool:
    """Whether the person proved themselves in the last five minutes (security.md)."""
    return now - max(proof.at for proof in session.evidence) <= FRESH


def _prove_again(now: datetime) -> Response:
    flow = house().login
    state = LoginState(flow.first_method.name, back="/account/methods")
    return again(f"/login/{flow.start(state, visitor(), now=now).hex}")
