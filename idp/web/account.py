"""``/account``: who the state says one is, what one says oneself, and why that level (R57-R63)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, TooManyRequests

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled, Method
from idp.domain.accounts import Account, Attribute
from idp.domain.assurance import IAL
from idp.domain.errors import AccountHeld, Conflict, ProofStale
from idp.domain.sessions import Session
from idp.domain.subjects import BirthDate, IdKind, PhoneNumber, SubjectKind
from idp.flows.account import NewPassword
from idp.flows.answers import Answer, Said
from idp.flows.confirming import FORMS, Address, ConfirmingState
from idp.flows.login.state import LoginState
from idp.storage.accounts import OwnIdentity
from idp.web import i18n, screens
from idp.web.journey import (
    again,
    current_session,
    expired,
    faults,
    house,
    message,
    notice,
    read_id,
    refused,
    visitor,
)
from idp.web.login import to_login, to_prove
from idp.web.parts import (
    Cancel,
    CodeTiming,
    Frame,
    IdentityRow,
    Link,
    Message,
    Notice,
    Page,
    RowStatus,
    Tone,
)
from idp.web.screens import Action, respond

P = ParamSpec("P")

CONTACT = AskFields(
    "account.contact",
    (
        Field("phone", FieldKind.PHONE, required=False),
        Field("email", FieldKind.EMAIL, required=False),
        Field("contact_address", FieldKind.ADDRESS, required=False),
    ),
)
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
    """Answer ``/account`` and its forms."""
    app.add_url_rule("/account", "account", _account)
    app.add_url_rule("/account/edit", "account_edit", _edit, methods=["GET", "POST"])
    app.add_url_rule("/account/reverify", "account_reverify", _reverify, methods=["GET", "POST"])
    app.add_url_rule("/account/level", "account_level", _level)
    app.add_url_rule("/account/password", "account_password", _password, methods=["GET", "POST"])
    app.add_url_rule(
        "/account/confirm/<transaction>", "account_confirm", _confirm, methods=["GET", "POST"]
    )


def owner(
    back: str,
) -> Callable[[Callable[Concatenate[Session, P], Response]], Callable[P, Response]]:
    """A page of the account's owner: strangers sign in first and come back to ``back``.

    So does an owner whose last proof is too old for a change; a held account says until when.
    """

    def guard(view: Callable[Concatenate[Session, P], Response]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            session = current_session(now=house().clock())
            if session is None:
                return to_login(back)
            if not session.is_own and request.path != "/account":
                return respond(screens.plain("acting.html", name=name_of(session)), 403)
            if request.method == "POST" and request.path not in _NEVER_LATE:
                count_change(session)
            try:
                return view(session, *args, **kwargs)
            except ProofStale:
                return to_prove(session, back)
            except AccountHeld as error:
                return respond(screens.plain("held.html", until=error.until), 403)

        return guarded

    return guard


_NEVER_LATE = frozenset({"/account/freeze", "/account/sessions/end"})
"""What stops others is not counted."""


def count_change(session: Session) -> None:
    """Raises ``TooManyRequests``: what is told on every channel has an end (SMS pumping)."""
    if not house().account.limits.before_change(session.account_id, now=house().clock()):
        raise TooManyRequests


def count_export(session: Session) -> None:
    """An export is told as well; it is no link that another site may lead to (CSRF)."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise Forbidden
    count_change(session)


def name_of(session: Session) -> str:
    """How the person is called."""
    found = house().accounts.identity(session.account_id).find(Attribute.FULL_NAME)
    return found.value if found else ""


# --- who one is ---------------------------------------------------------------------------------


@owner("/account")
def _account(session: Session) -> Response:
    own = house().accounts.identity(session.account_id)
    account = house().accounts.get(session.account_id)
    context = {
        "name": name_of(session),
        "level": IAL(session.account_ial),
        "rows": tuple(_rows(own, session.account_kind)),
        "may_reverify": session.account_kind is SubjectKind.CITIZEN
        or bool(_signing(session.account_id)),
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


def held_until(account: Account) -> datetime | None:
    """Until when sensitive changes wait, while they do (S23)."""
    return account.held_until if account.is_held(house().clock()) else None


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


def source_text(text: str) -> str:
    """Who vouches, in words."""
    source, _, reference = text.partition(":")
    return i18n.text(f"source.{source}", **({source: reference} if reference else {}))


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


def shown_value(attribute: Attribute, value: str) -> str:
    """A fact as people write it."""
    match attribute:
        case Attribute.BIRTH_DATE:
            return BirthDate.from_iso(value).display
        case Attribute.CONTACT_PHONE:
            return PhoneNumber(value).display
        case Attribute.SEX:
            return i18n.text(f"sex.{value}")
        case _:
            return value


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


# --- what one says oneself ----------------------------------------------------------------------


@owner("/account/edit")
def _edit(session: Session) -> Response:
    """Sửa: what is free to edit (S11). A new mailbox is the account's once its code came back."""
    now, flow = house().clock(), house().account
    flow.check_fresh(session, now=now)
    own = house().accounts.identity(session.account_id)
    email = own.find(Attribute.EMAIL)
    if request.method == "GET":
        return respond(_contact_page(_contact_values(own), {}))
    if screens.read_action(request.form) is Action.CANCEL:
        return again("/account")
    typed = screens.read_fields(CONTACT, request.form).values
    wanted = typed.get("email", "").strip()
    wrong = flow.declare(session, typed, visitor(), now=now)
    if not wrong and email and not wanted and "email" in request.form:
        wrong = flow.forget_email(session, visitor(), now=now)
    if wrong:
        shown = {name: message(said) for name, said in wrong.items()}
        return respond(_contact_page(typed, shown), 422)
    if not wanted or (email and email.is_verified and email.value == wanted.lower()):
        return again("/account?saved")
    answer = house().confirming.begin(Address.EMAIL, Filled(typed), session, visitor(), now=now)
    if answer.faults:
        return respond(_contact_page(typed, faults(answer)), 422)
    return again(f"/account/confirm/{answer.journey.stored.id.hex}")


def _contact_values(own: OwnIdentity) -> dict[str, str]:
    names = {
        "phone": Attribute.CONTACT_PHONE,
        "email": Attribute.EMAIL,
        "contact_address": Attribute.CONTACT_ADDRESS,
    }
    found = {name: own.find(attribute) for name, attribute in names.items()}
    values = {name: fact.value for name, fact in found.items() if fact}
    if "phone" in values:
        values["phone"] = PhoneNumber(values["phone"]).national
    return values


def _contact_page(values: Mapping[str, str], wrong: Mapping[str, Message]) -> Page:
    frame = Frame("/account/edit", cancel=Cancel.OFFERED)
    return screens.ask_fields(CONTACT, frame, values=values, faults=wrong)


# --- what somebody else vouches for -------------------------------------------------------------


@owner("/account/reverify")
def _reverify(session: Session) -> Response:
    """Xác minh lại: whoever vouches is asked again, for a new card or another name (S11)."""
    now, flow = house().clock(), house().reverifying
    account = flow.account.check_change(session, now=now)
    own = house().accounts.identity(account.id)
    registries, signed = flow.ways(account, own), _signing(account.id)
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


def _signing(account_id: UUID) -> tuple[str, ...]:
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


# --- a phone or mailbox that a code confirms ----------------------------------------------------


@owner("/account/methods")
def start_phone(session: Session) -> Response:
    """Thêm mới: a number that receives codes (R67)."""
    started = house().confirming.start(Address.PHONE, session, visitor(), now=house().clock())
    return again(f"/account/confirm/{started.hex}")


@owner("/account")
def _confirm(session: Session, transaction: str) -> Response:
    flow, now = house().confirming, house().clock()
    journey = flow.find(read_id(transaction), session, visitor(), now=now)
    if journey is None:
        return expired("/account")
    if request.method == "GET":
        return _show(Answer(journey))
    action = screens.read_action(request.form)
    if action is Action.CANCEL:
        return again(_home_of(journey.state))
    if journey.state.code is None:
        filled = screens.read_fields(FORMS[journey.state.what], request.form)
        answer = flow.submit(journey, filled, visitor(), now=now)
    elif action is Action.RESEND:
        answer = flow.resend(journey, visitor(), now=now)
    else:
        code = screens.read_code(request.form)
        try:
            answer = flow.confirm(journey, code, session, visitor(), now=now)
        except Conflict as error:
            if not i18n.current().has(f"error.{error.code}"):
                raise
            return _show(Answer(journey, {"": Said(f"error.{error.code}")}))
    if answer.journey.state.is_done:
        return again(f"{_home_of(answer.journey.state)}?saved")
    return again(f"/account/confirm/{transaction}") if answer.is_quiet else _show(answer)


def _home_of(state: ConfirmingState) -> str:
    return "/account/methods" if state.what is Address.PHONE else "/account"


def _show(answer: Answer[ConfirmingState]) -> Response:
    journey, state = answer.journey, answer.journey.state
    action = f"/account/confirm/{journey.stored.id.hex}"
    frame = Frame(action, notice=notice(answer), cancel=Cancel.OFFERED)
    status = 200 if answer.is_quiet else 422
    if state.code is None:
        form = FORMS[state.what]
        page = screens.ask_fields(form, frame, values=state.typed, faults=faults(answer))
        return respond(page, status)
    if answer.is_quiet:
        told = Notice(Message(f"notice.sent.{state.what}"), Tone.SUCCESS)
        frame = Frame(action, notice=told, cancel=Cancel.OFFERED)
    codes = house().confirming.codes
    timing = CodeTiming(house().clock(), state.code.expiry, codes.resend_at(state.code))
    sent = (
        Message("otp.sent", {"phone": state.code.number.masked})
        if state.what is Address.PHONE
        else Message("otp.sent.email", {"email": state.code.to})
    )
    return respond(screens.ask_code(sent, frame, timing=timing, faults=faults(answer)), status)


# --- the password -------------------------------------------------------------------------------


@owner("/account/password")
def _password(session: Session) -> Response:
    """Đặt mật khẩu mới (R69, S9)."""
    now, flow = house().clock(), house().account
    account = flow.check_change(session, now=now)
    if not flow.may_have_password(account):
        return again("/account/methods?no_phone")
    wrong: dict[str, Message] = {}
    if request.method == "POST":
        if screens.read_action(request.form) is Action.CANCEL:
            return again("/account/methods")
        entries = screens.read_passwords(request.form)
        typed = NewPassword(entries.current, entries.new, entries.again)
        said = flow.change_password(session, typed, visitor(), now=now)
        if not said:
            return again("/account/methods?saved")
        wrong = {name: message(each) for name, each in said.items()}
    numbers = house().accounts.identity(account.id).id_numbers
    page = screens.set_password(
        Frame("/account/password", cancel=Cancel.OFFERED),
        key="account.password",
        username=numbers[0][0].value if numbers else "",
        owner=name_of(session),
        asks_current=flow.needs_current(session, account, now=now),
        faults=wrong,
    )
    return respond(page, 422 if wrong else 200)
