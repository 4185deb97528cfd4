"""Protecting an account, its data, and its end: switches, Không phải tôi, export, closing."""

from __future__ import annotations

import json
from datetime import datetime

from flask import Flask, Response, make_response, request

from idp.domain.errors import LastMethodError
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.web import i18n, screens
from idp.web.account import count_export, held_until, name_of, owner, shown_value, source_text
from idp.web.activity import HistoryRow, history_of
from idp.web.i18n import Language
from idp.web.journey import again, house, visitor
from idp.web.parts import Message, Notice, Tone
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
    app.add_url_rule("/account/data", "data", _data)
    app.add_url_rule("/account/data.json", "data_json", _export)
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
        return respond(screens.plain("freeze.html", action="/account/freeze"))
    if screens.read_action(request.form) is Action.CANCEL:
        return again("/account/history")
    now = house().clock()
    house().freezing.freeze(session.account_id, "history", visitor(), now=now)
    return _frozen()


def _not_me(link: str) -> Response:
    """The link of a notice. Reading it changes nothing: mail programs open links by themselves."""
    now = house().clock()
    account_id = house().freezing.find(link, now=now)
    if account_id is None:
        return respond(screens.plain("not_me_over.html"), 404)
    i18n.prefer(house().accounts.get(account_id).language)  # as the notice was
    if request.method == "GET":
        return respond(screens.plain("freeze.html", action=f"/not-me/{link}"))
    if screens.read_action(request.form) is Action.CANCEL:
        return again("/")
    house().freezing.freeze(account_id, "notice", visitor(), now=now)
    return _frozen()


def _frozen() -> Response:
    response = respond(screens.plain("frozen.html"))
    clear_session_cookie(response)
    return response


# --- personal data ------------------------------------------------------------------------------


@owner("/account/data")
def _data(session: Session) -> Response:
    """Everything we hold, to read."""
    return respond(screens.plain("data.html", **_everything(session)))


@owner("/account/data")
def _export(session: Session) -> Response:
    """Everything we hold, for a program; with a fresh proof, and told."""
    now = house().clock()
    house().account.check_change(session, now=now)
    count_export(session)
    found = {**_everything(session), "history": list(map(_line, history_of(session)))}
    with house().database.transaction() as connection:
        event = AuditEvent(
            Event.DATA_EXPORTED,
            now,
            session.account_id,
            session_id=session.id,
            details={"ip": visitor().ip, "what": "account"},
        )
        house().account.notices.tell(connection, event)
    response = make_response(json.dumps(found, ensure_ascii=False, indent=2, default=str))
    response.mimetype = "application/json"
    response.headers["Content-Disposition"] = 'attachment; filename="account.json"'
    return response


def _everything(session: Session) -> dict[str, object]:
    """What is on file about a person, in words and plain values."""
    account_id, now = session.account_id, house().clock()
    account = house().accounts.get(account_id)
    own = house().accounts.identity(account_id)
    return {
        "name": name_of(session),
        "kind": account.kind,
        "level": int(account.ial),
        "settings": {
            "sign_in_by_sms": account.allows_sms,
            "ask_before_a_new_portal": account.asks_new_portals,
            "language_of_notices": account.language,
            "has_password": account.password_hash is not None,
        },
        "closes_at": _at(account.closes_at),
        "numbers": [
            {"kind": number.kind, "value": number.value, "since": _at(at)}
            for number, at in own.id_numbers
        ],
        "facts": [
            {
                "name": fact.attribute,
                "value": shown_value(fact.attribute, fact.value),
                "source": fact.source,
                "vouched_by": source_text(fact.source),
                "since": _at(fact.at),
            }
            for fact in own.values
        ],
        "proofs": [
            {
                "method": proof.method,
                "level": int(proof.ial),
                "source": proof.source,
                "at": _at(proof.at),
                "ended_at": _at(proof.ended_at),
            }
            for proof in house().accounts.proofs(account_id)
        ],
        "phones": [
            {"number": phone.number.national, "is_default": phone.is_default}
            for phone in account.phones
        ],
        "credentials": [
            {"method": each.method, "since": _at(each.added_at), **each.details}
            for each in house().credentials.of_account(account_id)
        ],
        "portals": [
            {
                "portal": house().portal_name(link.client_id),
                "may_see": [i18n.text(f"claim.{item}") for item in link.items],
                "since": _at(link.granted_at),
                "last_looked": _at(link.last_at),
            }
            for link in house().portal_links.of_account(account_id, now=now)
        ],
        "sessions": [
            {"since": _at(each.created_at), "ip": each.device.ip if each.device else ""}
            for each in house().sessions.of_account(account_id, now=now)
        ],
    }


def _line(row: HistoryRow) -> dict[str, str]:
    """A line of the history for a program."""
    return {
        "at": _at(row.at),
        "event": row.event,
        "result": "failure" if row.is_failure else "success",
        "method": row.method,
        "level": row.level,
        "portal": row.portal,
        "ip": row.ip,
        "place": row.place,
        "note": row.note,
    }


def _at(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


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
