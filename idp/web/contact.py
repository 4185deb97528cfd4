"""``/account/edit``: what is free to edit (S11); a number or mailbox that a code confirms (R67)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response, request

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Attribute
from idp.domain.errors import Conflict
from idp.domain.sessions import Session
from idp.domain.subjects import PhoneNumber
from idp.flows.answers import Answer, Said
from idp.flows.confirming import FORMS, Address, ConfirmingState
from idp.storage.accounts import OwnIdentity
from idp.web import i18n, screens
from idp.web.journey import again, expired, faults, house, message, notice, read_id, visitor
from idp.web.owner import owner
from idp.web.parts import Cancel, CodeTiming, Frame, Message, Notice, Page, Tone
from idp.web.screens import Action, respond

CONTACT = AskFields(
    "account.contact",
    (
        Field("phone", FieldKind.PHONE, required=False),
        Field("email", FieldKind.EMAIL, required=False),
        Field("contact_address", FieldKind.ADDRESS, required=False),
    ),
)


def init_app(app: Flask) -> None:
    """Answer the form and the code."""
    app.add_url_rule("/account/edit", "account_edit", _edit, methods=["GET", "POST"])
    app.add_url_rule(
        "/account/confirm/<transaction>", "account_confirm", _confirm, methods=["GET", "POST"]
    )


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


# --- a code confirms it -------------------------------------------------------------------------


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
