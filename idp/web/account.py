"""``/account``: who the state says one is, and why that level (R57-R63)."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.authenticators.contract import Method
from idp.domain.accounts import Account, Attribute
from idp.domain.assurance import IAL
from idp.domain.sessions import Session
from idp.domain.subjects import IdKind, SubjectKind
from idp.storage.accounts import OwnIdentity
from idp.web import screens
from idp.web.facts import shown_value, source_text
from idp.web.journey import house
from idp.web.owner import held_until, name_of, owner
from idp.web.parts import IdentityRow, Message, Notice, RowStatus, Tone
from idp.web.reverifying import signing
from idp.web.screens import respond

_CONTACT_ROWS = {
    Attribute.CONTACT_PHONE: "contact_phone",
    Attribute.EMAIL: "email",
}
_ROWS = {
    SubjectKind.CITIZEN: {
        Attribute.FULL_NAME: "full_name",
        Attribute.SEX: "sex",
        Attribute.BIRTH_DATE: "birth_date",
        Attribute.BIRTH_PLACE: "birth_place",
        Attribute.HOME_TOWN: "home_town",
        Attribute.RESIDENCE: "address",
        **_CONTACT_ROWS,
        Attribute.CONTACT_ADDRESS: "contact_address",
    },
    SubjectKind.ENTERPRISE: {
        Attribute.FULL_NAME: "enterprise_name",
        Attribute.REPRESENTATIVE: "representative",
        Attribute.ADDRESS: "office_address",
        **_CONTACT_ROWS,
        Attribute.ISSUED_ON: "issued_on",
        Attribute.CONTACT_ADDRESS: "contact_address",
    },
    SubjectKind.AGENCY: {
        Attribute.FULL_NAME: "organisation_name",
        Attribute.PARENT_AGENCY: "parent_agency",
        **_CONTACT_ROWS,
        Attribute.ADDRESS: "office_address",
        Attribute.CONTACT_ADDRESS: "contact_address",
    },
}
"""The rows of R60, S10 and R63."""

_NUMBERS = {
    SubjectKind.CITIZEN: (Attribute.SEX, (IdKind.CMND, IdKind.CCCD)),
    SubjectKind.ENTERPRISE: (Attribute.FULL_NAME, (IdKind.TAX_CODE,)),
    SubjectKind.AGENCY: (Attribute.FULL_NAME, (IdKind.AGENCY_CODE,)),
}
"""After which row the numbers stand, and which."""


def init_app(app: Flask) -> None:
    """Answer ``/account`` and ``/account/level``."""
    app.add_url_rule("/account", "account", _account)
    app.add_url_rule("/account/level", "account_level", _level)


@owner("/account")
def _account(session: Session) -> Response:
    own = house().accounts.identity(session.account_id)
    account = house().accounts.get(session.account_id)
    context = {
        "name": name_of(session),
        "level": IAL(session.account_ial),
        "rows": tuple(_rows(own, session.account_kind)),
        "may_reverify": session.account_kind is SubjectKind.CITIZEN
        or bool(signing(session.account_id)),
        "closes_at": account.closes_at,
        "held_until": held_until(account),
        "is_reachable": is_reachable(account, own),
        "notice": Notice(Message("account.saved"), Tone.SUCCESS)
        if "saved" in request.args
        else None,
        "acting": not session.is_own,
        "is_enterprise": session.is_own and session.account_kind is SubjectKind.ENTERPRISE,
    }
    return respond(screens.plain("account.html", **context))


def is_reachable(account: Account, own: OwnIdentity) -> bool:
    """Whether its owner would hear of a change that is not theirs (security.md, rule 7)."""
    email = own.find(Attribute.EMAIL)
    return bool(account.phones) or (email is not None and email.is_verified)


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
    shown = source_text(fact.source)
    return IdentityRow(name, shown_value(attribute, fact.value), status, shown, fact.at)


def _number_rows(own: OwnIdentity, kinds: tuple[IdKind, ...]) -> list[IdentityRow]:
    """A number is vouched for by whoever vouched for the name that came with it."""
    found = {number.kind: (number.value, at) for number, at in own.id_numbers}
    name = own.find(Attribute.FULL_NAME)
    shown = source_text(name.source) if name else ""
    rows = []
    for kind in kinds:
        value, at = found.get(kind, ("", None))
        status = RowStatus.VERIFIED if value else RowStatus.UNVERIFIED
        rows.append(IdentityRow(kind.value, value, status, shown if value else "", at))
    return rows


@owner("/account/level")
def _level(session: Session) -> Response:
    """Which proof gives which level, and what is missing for the highest (issue 4, 7)."""
    methods = [m for m in house().methods if session.account_kind in subjects_of(m)]
    offers = {level: tuple(m for m in methods if m.ial is level) for level in IAL}
    context = {
        "level": IAL(session.account_ial),
        "proofs": house().accounts.proofs(session.account_id),
        "offers": offers,
        "is_citizen": session.account_kind is SubjectKind.CITIZEN,
    }
    return respond(screens.plain("level.html", **context))


def subjects_of(method: Method) -> frozenset[SubjectKind]:
    """Whose accounts a method opens (R10)."""
    return method.registration.subjects if method.registration else frozenset()
