"""Protecting an account, and its end: switches, Không phải tôi, closing."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from uuid import UUID

from flask import Flask, Response, request

from idp.domain.accounts import Phone
from idp.domain.errors import LastMethodError
from idp.domain.sessions import Session
from idp.web import i18n, screens
from idp.web.i18n import Language
from idp.web.journey import again, house, visitor
from idp.web.owner import held_until, owner
from idp.web.parts import Message, Notice, Page, Tone
from idp.web.screens import Action, respond
from idp.web.security import clear_session_cookie

_HERE = "/account/protection"
_SWITCHES = ("allows_sms", "asks_new_portals")


def init_app(app: Flask) -> None:
    """Answer the pages."""
    app.add_url_rule(_HERE, "protection", _protection)
    app.add_url_rule(f"{_HERE}/switch", "protection_switch", _switch, methods=["POST"])
    app.add_url_rule("/account/freeze", "freeze", _freeze, methods=["GET", "POST"])
    app.add_url_rule("/not-me/<link>", "not_me", _not_me, methods=["GET", "POST"])
    app.add_url_rule("/account/close", "close", _close, methods=["GET", "POST"])


# --- switches -----------------------------------------------------------------------------------


@owner(_HERE)
def _protection(session: Session) -> Response:
    told = Notice(Message("protection.saved"), Tone.SUCCESS) if "saved" in request.args else None
    return _page(session, told)


def _page(session: Session, notice: Notice | None, status: int = 200) -> Response:
    account = house().accounts.get(session.account_id)
    context = {"account": account, "held_until": held_until(account), "notice": notice}
    return respond(screens.plain("protection.html", **context), status)


@owner(_HERE)
def _switch(session: Session) -> Response:
    """One switch, or the language of notices."""
    flow, now, name = house().account, house().clock(), request.form.get("name", "")
    to: bool | str = request.form.get("to", "") == "on"
    if name == "language":
        to = request.form.get("to", "")
    if name not in (*_SWITCHES, "language") or (name == "language" and to not in set(Language)):
        return again(_HERE)
    try:
        flow.switch(session, name, visitor(), to=to, now=now)
    except LastMethodError:
        return _page(session, Notice(Message("protection.last"), Tone.WARNING), 422)
    return again(f"{_HERE}?saved")


# --- Không phải tôi -----------------------------------------------------------------------------


@owner("/account/freeze")
def _freeze(session: Session) -> Response:
    """The button in the history. No proof is asked for: stopping must be easy."""
    if request.method == "GET":
        phones = house().accounts.get(session.account_id).phones
        return respond(freeze_page("/account/freeze", phones))
    if screens.read_action(request.form) is Action.CANCEL:
        return again("/account/history")
    now = house().clock()
    flow, lost = house().freezing, read_lost()
    flow.freeze(session.account_id, "history", visitor(), lost=lost, now=now)
    return frozen()


def _not_me(link: str) -> Response:
    """The link of a notice. Reading it changes nothing: mail programs open links by themselves."""
    now = house().clock()
    account_id = house().freezing.find(link, now=now)
    if account_id is None:
        return respond(screens.plain("not_me_over.html"), 404)
    account = house().accounts.get(account_id)
    i18n.prefer(account.language)  # as the notice was
    if request.method == "GET":
        return respond(freeze_page(f"/not-me/{link}", account.phones))
    if screens.read_action(request.form) is Action.CANCEL:
        return again("/")
    house().freezing.freeze(account_id, "notice", visitor(), lost=read_lost(), now=now)
    return frozen()


def freeze_page(action: str, phones: Collection[Phone]) -> Page:
    """The question, with the phones that the person may have no more."""
    return screens.plain("freeze.html", action=action, phones=phones)


def read_lost() -> frozenset[UUID]:
    """The phones that were ticked; what is no id is nobody's phone."""
    found = set()
    for text in request.form.getlist("lost")[:_MOST_LOST]:
        with contextlib.suppress(ValueError):
            found.add(UUID(hex=text))
    return frozenset(found)


_MOST_LOST = 10


def frozen() -> Response:
    """What a freeze did, and how the account comes back; this browser is signed out."""
    response = respond(screens.plain("frozen.html"))
    clear_session_cookie(response)
    return response


# --- closing ------------------------------------------------------------------------------------


@owner("/account/close")
def _close(session: Session) -> Response:
    flow, now = house().account, house().clock()
    account = house().accounts.get(session.account_id)
    if request.method == "GET":
        days = house().config.account.close_after // 86400
        page = screens.plain("close.html", closes_at=account.closes_at, days=days)
        return respond(page)
    match request.form.get("do"):
        case "close":
            flow.close(session, visitor(), now=now)
        case "keep":
            flow.keep(session, visitor(), now=now)
        case _:
            return again(_HERE)
    return again("/account/close")
