"""``/`` and ``/account``: the door, and what the owner of an account sees of it."""

from __future__ import annotations

from flask import Flask, Response

from idp.domain.accounts import Attribute
from idp.domain.assurance import IAL
from idp.domain.sessions import Session
from idp.domain.subjects import BirthDate, IdKind, PhoneNumber
from idp.storage.accounts import OwnIdentity
from idp.web import i18n
from idp.web.journey import again, current_session, house
from idp.web.parts import IdentityRow, Page, RowStatus, SessionRow
from idp.web.screens import respond

_ROWS = {
    Attribute.FULL_NAME: "full_name",
    Attribute.SEX: "sex",
    Attribute.BIRTH_DATE: "birth_date",
    Attribute.CONTACT_PHONE: "contact_phone",
    Attribute.EMAIL: "email",
}


def init_app(app: Flask) -> None:
    """Answer ``/`` and ``/account``."""
    app.add_url_rule("/", "home", _home)
    app.add_url_rule("/account", "account", _account)


def _home() -> Response:
    session = current_session(now=house().clock())
    context: dict[str, object] = {
        "account_name": _name(session) if session else "",
        "register_url": "/register",
        "login_url": "/login",
        "account_url": "/account",
        "logout_url": "/logout",
        "notice": None,
        "portal": None,
        "faults": {},
    }
    return respond(Page("home.html", context))


def _account() -> Response:
    now = house().clock()
    session = current_session(now=now)
    if session is None:
        return again("/login")
    own = house().accounts.identity(session.account_id)
    others = house().sessions.of_account(session.account_id, now=now)
    context = {
        "name": _name(session),
        "level": IAL(session.account_ial),
        "rows": tuple(_rows(own)),
        "sessions": tuple(_session_row(each, session) for each in others),
        "logout_action": "/logout/confirm",
        "notice": None,
        "portal": None,
        "faults": {},
    }
    return respond(Page("account.html", context))


def _name(session: Session) -> str:
    found = house().accounts.identity(session.account_id).find(Attribute.FULL_NAME)
    return found.value if found else ""


def _rows(own: OwnIdentity) -> list[IdentityRow]:
    """The rows of R60 that we know; both numbers have a row of their own."""
    rows = []
    for attribute, name in _ROWS.items():
        fact = own.find(attribute)
        if fact is None:
            rows.append(IdentityRow(name, "", RowStatus.UNVERIFIED))
            continue
        status = RowStatus.VERIFIED if fact.is_verified else RowStatus.DECLARED
        source, _, reference = fact.source.partition(":")
        shown = i18n.text(f"source.{source}", **({source: reference} if reference else {}))
        rows.append(IdentityRow(name, _shown(attribute, fact.value), status, shown, fact.at))
        if attribute is Attribute.SEX:
            rows += _number_rows(own)
    return rows


def _number_rows(own: OwnIdentity) -> list[IdentityRow]:
    found = {number.kind: (number.value, at) for number, at in own.id_numbers}
    rows = []
    for kind in (IdKind.CMND, IdKind.CCCD):
        value, at = found.get(kind, ("", None))
        status = RowStatus.VERIFIED if value else RowStatus.UNVERIFIED
        rows.append(IdentityRow(kind.value, value, status, "", at))
    return rows


def _shown(attribute: Attribute, value: str) -> str:
    match attribute:
        case Attribute.BIRTH_DATE:
            return BirthDate.from_iso(value).display
        case Attribute.CONTACT_PHONE:
            return PhoneNumber(value).display
        case Attribute.SEX:
            return i18n.text(f"sex.{value}")
        case _:
            return value


def _session_row(session: Session, current: Session) -> SessionRow:
    device = session.device
    return SessionRow(
        device=device.user_agent if device else "",
        ip=device.ip if device else "",
        started_at=session.created_at,
        last_seen_at=session.last_seen_at,
        is_current=session.id == current.id,
    )
