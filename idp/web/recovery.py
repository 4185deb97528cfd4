"""``/forgot`` and ``/lost-phone``: getting an account back (R47-R50)."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.authenticators.contract import AskCode
from idp.flows import lost_phone
from idp.flows.answers import Answer, Journey
from idp.flows.lost_phone import LostPhoneState
from idp.flows.recovery import FORMS, REOPEN, RecoveryState, Step, Way
from idp.web import screens, steps
from idp.web.journey import (
    again,
    captcha,
    expired,
    faults,
    house,
    notice,
    read_id,
    shown,
    visitor,
)
from idp.web.parts import Cancel, CodeTiming, Frame, Link, Message, Page
from idp.web.screens import Action, respond


def init_app(app: Flask) -> None:
    """Answer both journeys."""
    app.add_url_rule("/forgot", "forgot", _forgot)
    app.add_url_rule("/forgot/<transaction>", "forgot_step", _step, methods=["GET", "POST"])
    app.add_url_rule("/login/<transaction>/lost-phone", "lost_phone", _lost)
    app.add_url_rule(
        "/lost-phone/<transaction>", "lost_phone_step", _lost_step, methods=["GET", "POST"]
    )


# --- Quên mật khẩu ------------------------------------------------------------------------------


def _forgot() -> Response:
    way = Way.COUNTER if request.args.get("way") == Way.COUNTER else Way.PHONE
    started = house().recovery.start(way, visitor(), now=house().clock())
    return again(f"/forgot/{started.hex}")


def _step(transaction: str) -> Response:
    return steps.take("/forgot", transaction, house().recovery, _act, _show, cancelled="/login")


def _act(journey: Journey[RecoveryState], action: Action) -> Answer[RecoveryState]:
    """Let the flow do what this step's form asks."""
    flow, state, now = house().recovery, journey.state, house().clock()
    match state.step:
        case Step.FORM:
            return _submit(journey, action)
        case Step.CODE if action is Action.RESEND:
            return flow.resend(journey, visitor(), now=now)
        case Step.CODE:
            return flow.confirm(journey, screens.read_code(request.form), now=now)
        case Step.PASSWORD:
            entries = screens.read_passwords(request.form)
            return flow.choose_password(journey, entries.new, entries.again, visitor(), now=now)
        case Step.REOPEN:
            return flow.reopen(journey, visitor(), now=now)
        case Step.DONE | Step.REOPENED:
            return Answer(journey)


def _submit(journey: Journey[RecoveryState], action: Action) -> Answer[RecoveryState]:
    flow, now = house().recovery, house().clock()
    filled = screens.read_fields(FORMS[journey.state.way], request.form)
    if action is Action.NEW_CAPTCHA:
        return Answer(flow.new_captcha(journey, filled))
    typed = screens.read_text(request.form.get("captcha", ""))
    return flow.submit(journey, filled, typed, visitor(), now=now)


def _show(answer: Answer[RecoveryState]) -> Response:
    return respond(_page(answer), 200 if answer.is_quiet else 422)


def _page(answer: Answer[RecoveryState]) -> Page:
    journey, state = answer.journey, answer.journey.state
    frame = Frame(
        f"/forgot/{journey.stored.id.hex}",
        notice=notice(answer),
        links=_links(state),
        cancel=Cancel.OFFERED,
    )
    if state.step is Step.CODE and state.code is not None:
        codes = house().recovery.codes
        timing = CodeTiming(house().clock(), state.code.expiry, codes.resend_at(state.code))
        sent = Message("forgot.sent")
        return screens.ask_code(sent, frame, timing=timing, faults=faults(answer))
    if state.step is Step.PASSWORD:
        username = state.typed.get("username", "")
        return screens.set_password(
            frame, key="forgot.password", username=username, faults=faults(answer)
        )
    if state.step is Step.REOPEN:
        return screens.ask_fields(REOPEN, frame, faults=faults(answer))
    if state.step is Step.DONE:
        return screens.plain("recovered.html", key="recovered", login="/login")
    if state.step is Step.REOPENED:
        return screens.plain("recovered.html", key="reopened", login="/login?level=3")
    picture = captcha("recovery", journey.stored.id, state.captcha)
    return screens.ask_fields(
        FORMS[state.way], frame, values=state.typed, faults=faults(answer), captcha=picture
    )


def _links(state: RecoveryState) -> tuple[Link, ...]:
    """The other ways: each page names them, whether or not a code went out."""
    if state.step not in {Step.FORM, Step.CODE}:
        return ()
    other = Way.COUNTER if state.way is Way.PHONE else Way.PHONE
    return (
        Link(f"link.forgot.{other}", f"/forgot?way={other}"),
        Link("link.forgot.sign", "/login?level=3"),
        Link("link.freeze", "/freeze"),
        Link("link.login", "/login"),
    )


# --- Mất số điện thoại nhận OTP -----------------------------------------------------------------


def _lost(transaction: str) -> Response:
    now = house().clock()
    login = house().login.find(read_id(transaction), visitor(), now=now)
    started = house().lost_phone.start(login, visitor(), now=now) if login else None
    return again(f"/lost-phone/{started.hex}") if started else expired("/login")


def _lost_step(transaction: str) -> Response:
    flow, now = house().lost_phone, house().clock()
    journey = flow.find(read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired("/login")
    if request.method == "GET":
        return _show_lost(Answer(journey))
    action, state = screens.read_action(request.form), journey.state
    if action is Action.CANCEL:
        return again(f"/login/{state.login}")
    if state.is_done:
        answer = Answer(journey)
    elif state.code is None:
        filled = screens.read_fields(lost_phone.FORM, request.form)
        if action is Action.NEW_CAPTCHA:
            answer = Answer(flow.new_captcha(journey, filled))
        else:
            typed = screens.read_text(request.form.get("captcha", ""))
            answer = flow.submit(journey, filled, typed, visitor(), now=now)
    elif action is Action.RESEND:
        answer = flow.resend(journey, visitor(), now=now)
    else:
        answer = flow.confirm(journey, screens.read_code(request.form), visitor(), now=now)
    return again(f"/lost-phone/{transaction}") if answer.is_quiet else _show_lost(answer)


def _show_lost(answer: Answer[LostPhoneState]) -> Response:
    return shown(_lost_page(answer), answer)


def _lost_page(answer: Answer[LostPhoneState]) -> Page:
    journey, state = answer.journey, answer.journey.state
    if state.is_done:
        return screens.plain("phone_replaced.html", login=f"/login/{state.login}/again")
    frame = Frame(
        f"/lost-phone/{journey.stored.id.hex}",
        notice=notice(answer),
        links=(Link("link.freeze", "/freeze"),) if state.code is None else (),
        cancel=Cancel.OFFERED,
    )
    if state.code is None:
        picture = captcha("lost-phone", journey.stored.id, state.captcha)
        return screens.ask_fields(
            lost_phone.FORM, frame, values=state.typed, faults=faults(answer), captcha=picture
        )
    codes = house().lost_phone.codes
    timing = CodeTiming(house().clock(), state.code.expiry, codes.resend_at(state.code))
    asked = AskCode(state.code.number)
    return screens.ask_code(asked, frame, timing=timing, faults=faults(answer))
