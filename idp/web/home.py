"""``/`` and ``/account``: the door, and what the owner of an account sees of it."""

from __future__ import annotations

from flask import Flask, Response

from idp.domain.accounts import Attribute
from idp.domain.assurance import IAL
from idp.domain.sessions import Session
from idp.domain.subjects import BirthDate, IdKind, PhoneNumber, SubjectKind
from idp.storage.accounts import OwnIdentity
from idp.web import i18n
from idp.web.journey import again, current_session, house
from idp.web.parts import IdentityRow, Page, RowStatus, SessionRow
from idp.web.screens import respond

_CONTACT = {Attribute.CONTACT_PHONE: "contact_phone", Attribute.EMAIL: "email"}
_ROWS = {
    SubjectKind.CITIZEN: {
        Attribute.FULL_NAME: "full_name",
        Attribute.SEX: "sex",
        Attribute.BIRTH_DATE: "birth_date",
        **_CONTACT,
    },
    SubjectKind.ENTERPRISE: {
        Attribute.FULL_NAME: "enterprise_name",
        **_CONTACT,
        Attribute.ADDRESS: "office_address",
    },
    SubjectKind.AGENCY: {
        Attribute.FULL_NAME: "organisation_name",
        Attribute.PARENT_AGENCY: "parent_agency",
        **_CONTACT,
        Attribute.ADDRESS: "office_address",
    },
}
"""The rows of R60, S10 and R63 that we know."""

_NUMBERS = {
    SubjectKind.CITIZEN: (Attribute.SEX, (IdKind.CMND, IdKind.CCCD)),
    SubjectKind.ENTERPRISE: (Attribute.FULL_NAME, (IdKind.TAX_CODE,)),
    SubjectKind.AGENCY: (Attribute.FULL_NAME, (IdKind.AGENCY_CODE,)),
}
"""After which row the numbers stand, and which."""


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
        "rows": tuple(_rows(own, session.account_kind)),
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


def _rows(own: OwnIdentity, kind: SubjectKind) -> list[IdentityRow]:
    """A row for each fact, also for those that are not known; numbers have rows of their own."""
    rows = []
    after, numbers = _NUMBERS[kind]
    for attribute, name in _ROWS[kind].items():
        rows.append(_row(own, attribute, name))
        if attribute is after:
            rows += _number_rows(own, numbers)
    return rows


def _row(own: OwnIdentity, attribute: Attribute, name: str) -> IdentityRow:
    fact = own.find(attribute)
    if fact is None:
        return IdentityRow(name, "", RowStatus.UNVERIFIED)
    status = RowStatus.VERIFIED if fact.is_verified else RowStatus.DECLARED
    source, _, reference = fact.source.partition(":")
    shown = i18n.text(f"source.{source}", **({source: reference} if reference else {}))
    return IdentityRow(name, _shown(attribute, fact.value), status, shown, fact.at)


def _number_rows(own: OwnIdentity, kinds: tuple[IdKind, ...]) -> list[IdentityRow]:
    found = {number.kind: (number.value, at) for number, at in own.id_numbers}
    rows = []
    for kind in kinds:
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
