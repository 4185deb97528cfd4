"""``/register``: choose a method, fill in its form, type the code, choose a password."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Flask, Response, request

from idp.authenticators.contract import AskCode, AskFields, AskSignature, AwaitPhone
from idp.domain.assurance import IAL
from idp.domain.subjects import SubjectKind
from idp.flows.answers import Answer, Journey
from idp.flows.registration.state import RegistrationState
from idp.flows.registration.state import Step as At
from idp.web import screens
from idp.web.journey import (
    again,
    captcha,
    code_notice,
    expired,
    faults,
    house,
    next_of,
    notice,
    read_id,
    shown,
    signature_page,
    still_waiting,
    visitor,
    wants_json,
    with_told,
)
from idp.web.parts import Cancel, CodeTiming, Frame, Link, Page, Step
from idp.web.screens import Action, respond

_Journey = Journey[RegistrationState]
_Answer = Answer[RegistrationState]
_STEPS = 4


def init_app(app: Flask) -> None:
    """Answer ``/register`` and everything below."""
    app.add_url_rule("/register", "register", _choose, methods=["GET", "POST"])
    app.add_url_rule(
        "/register/<transaction>", "registration", _registration, methods=["GET", "POST"]
    )
    app.add_url_rule("/register/<transaction>/poll", "registration_poll", _poll)


def _choose() -> Response:
    subject = _subject(request.values.get("subject", ""))
    login = _login_of(request.values.get("login", ""))
    if request.method == "POST":
        method = screens.read_text(request.form.get("method", ""))
        started = house().registration.start(method, subject, login, visitor(), now=house().clock())
        if started:
            return again(f"/register/{started.hex}")
    action = f"/register?login={login}" if login else "/register"
    frame = Frame(action, step=Step(1, _STEPS), links=(Link("link.login", _login_url(login)),))
    offers = screens.offers(house().methods, house().config.is_enabled)
    return respond(screens.choose_method(frame, offers, subject=subject))


def _registration(transaction: str) -> Response:
    now = house().clock()
    journey = house().registration.find(read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired("/register")
    if request.method == "GET":
        return _show(Answer(journey))
    if screens.read_action(request.form) is Action.CANCEL:
        return again(_login_url(journey.state.login) if journey.state.login else "/")
    answer = _step(journey)
    if answer.is_quiet:
        return again(f"/register/{transaction}")
    return _show(answer)


def _step(journey: _Journey) -> _Answer:
    """Let the flow do what the pressed button of this step asks."""
    opening, now = house().registration.opening, house().clock()
    action = screens.read_action(request.form)
    match journey.state.step:
        case At.METHOD:
            return _method_step(journey, action)
        case At.PASSWORD:
            chosen = screens.read_passwords(request.form)
            return opening.choose_password(journey, chosen.new, chosen.again, visitor(), now=now)
        case At.EXISTS | At.DONE:
            return Answer(journey)


def _method_step(  # noqa: PLR0911  one for each screen
    journey: _Journey, action: Action
) -> _Answer:
    """The method's own screens."""
    flow, now = house().registration, house().clock()
    proving = flow.proving
    if "token" in request.form:
        return proving.sign(journey, screens.read_token(request.form), visitor(), now=now)
    match journey.state.screen:
        case AskFields() as form:
            filled = screens.read_fields(form, request.form)
            if action is Action.NEW_CAPTCHA:
                return Answer(flow.new_captcha(flow.keep(journey, screens.typed(form, filled))))
            typed = screens.read_text(request.form.get("captcha", ""))
            return proving.submit(journey, filled, typed, visitor(), now=now)
        case AskCode():
            if action is Action.RESEND:
                return flow.code.resend(journey, visitor(), now=now)
            return proving.confirm(journey, screens.read_code(request.form), visitor(), now=now)
        case _ if action is Action.RESTART:
            return proving.restart(journey, visitor(), now=now)
        case _:
            return proving.poll(journey, visitor(), now=now)


def _poll(transaction: str) -> Response:
    """Has the phone answered? Asked by the waiting page, with and without JavaScript."""
    journey = house().registration.find(read_id(transaction), visitor(), now=house().clock())
    if journey is None:
        return expired("/register")
    answer = house().registration.proving.poll(journey, visitor(), now=house().clock())
    here = f"/register/{transaction}"
    if not isinstance(answer.journey.state.screen, AwaitPhone):
        return next_of(again(here))
    if wants_json():
        return still_waiting(answer)
    return again(here) if answer.is_quiet else _show(answer)


def _show(answer: _Answer) -> Response:
    """The page of the step that the registration stands at."""
    state = answer.journey.state
    answer = with_told(answer, state.told)
    match state.step:
        case At.METHOD:
            page = _method_page(answer)
        case At.PASSWORD:
            username = state.typed.get("username", "")
            page = screens.set_password(_frame(answer, 4), username=username, faults=faults(answer))
        case At.EXISTS:
            ways = {
                "forgot_url": "/forgot",
                "complaint_url": "/complaint",
                "login_url": _login_url(state.login),
                "subject": state.subject,
            }
            page = screens.plain("existing_account.html", **ways)
        case At.DONE:
            level = state.evidence[1] if state.evidence else IAL.NONE
            url = f"{_login_url(state.login)}{_tab_of(state.method)}"
            page = screens.plain("done.html", login_url=url, level=level, method=state.method)
    return shown(page, answer)


def _method_page(answer: _Answer) -> Page:
    journey, state = answer.journey, answer.journey.state
    match state.screen:
        case AskFields() as form:
            return screens.ask_fields(
                form,
                _frame(answer, 4 if form.shown else 2, *_ways(state)),
                values=state.typed,
                faults=faults(answer),
                captcha=captcha("registration", journey.stored.id, state.captcha),
            )
        case AskCode(phone) if state.code is not None:
            codes, now = house().registration.code.codes, house().clock()
            timing = CodeTiming(now, state.code.expiry, codes.resend_at(state.code))
            frame, delay = _frame(answer, 3), codes.delay()
            if delay and answer.is_quiet:
                frame = replace(frame, notice=code_notice(answer, delay))
            return screens.ask_code(AskCode(phone), frame, timing=timing, faults=faults(answer))
        case AskSignature() as screen:
            return signature_page(screen, _frame(answer, 3, *_ways(state)), answer)
        case AwaitPhone() as screen:
            return screens.await_phone(
                screen, _frame(answer, 3, *_ways(state)), faults=faults(answer)
            )
        case _:
            raise LookupError(state.method)


def _ways(state: RegistrationState) -> tuple[Link, ...]:
    others = f"/register?subject={state.subject}"
    return (
        Link("link.other_way", f"{others}&login={state.login}" if state.login else others),
        Link("link.login", _login_url(state.login)),
    )


def _frame(answer: _Answer, number: int, *links: Link) -> Frame:
    return Frame(
        f"/register/{answer.journey.stored.id.hex}",
        notice=notice(answer),
        step=Step(number, _STEPS),
        links=links,
        cancel=Cancel.OFFERED,
    )


def _login_of(text: str) -> str:
    """The sign-in this registration came from; anything but an id is dropped."""
    try:
        return UUID(hex=text).hex
    except ValueError:
        return ""


def _login_url(login: str) -> str:
    return f"/login/{login}" if login else "/login"


def _tab_of(name: str) -> str:
    """Who registered with a token or a phone signs in with it; a form of its own has no tab."""
    has_tab = any(method.name == name and method.login for method in house().methods)
    return f"?method={name}" if has_tab else ""


def _subject(text: str) -> SubjectKind:
    return SubjectKind(text) if text in set(SubjectKind) else SubjectKind.CITIZEN
