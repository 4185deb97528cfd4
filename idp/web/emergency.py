"""``/freeze``: Khóa tài khoản for somebody who cannot sign in, because the phone is gone."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.flows.answers import Answer, Journey
from idp.flows.emergency import FORMS, EmergencyState, Step, Way
from idp.web import screens, steps
from idp.web.journey import again, captcha, faults, house, notice, shown, visitor
from idp.web.parts import Cancel, CodeTiming, Frame, Link, Message, Page
from idp.web.protection import freeze_page, frozen, read_lost
from idp.web.screens import Action, respond

_Answer = Answer[EmergencyState]


def init_app(app: Flask) -> None:
    """Answer the journey."""
    app.add_url_rule("/freeze", "emergency", _start)
    app.add_url_rule("/freeze/<transaction>", "emergency_step", _step, methods=["GET", "POST"])


def _start() -> Response:
    way = Way.CHANNEL if request.args.get("way") == Way.CHANNEL else Way.PASSWORD
    started = house().emergency.start(way, visitor(), now=house().clock())
    return again(f"/freeze/{started.hex}")


def _step(transaction: str) -> Response:
    return steps.take("/freeze", transaction, house().emergency, _act, _show, cancelled="/login")


def _act(journey: Journey[EmergencyState], action: Action) -> _Answer:
    flow, now = house().emergency, house().clock()
    match journey.state.step:
        case Step.FORM:
            filled = screens.read_fields(FORMS[journey.state.way], request.form)
            if action is Action.NEW_CAPTCHA:
                return Answer(flow.new_captcha(journey, filled))
            typed = screens.read_text(request.form.get("captcha", ""))
            return flow.submit(journey, filled, typed, visitor(), now=now)
        case Step.CODE if action is Action.RESEND:
            return flow.resend(journey, visitor(), now=now)
        case Step.CODE:
            return flow.confirm(journey, screens.read_code(request.form), now=now)
        case Step.CHOOSE:
            return flow.freeze(journey, read_lost(), visitor(), now=now)
        case Step.DONE:
            return Answer(journey)


def _show(answer: _Answer) -> Response:
    state = answer.journey.state
    if state.step is Step.DONE:
        return frozen()
    action = f"/freeze/{answer.journey.stored.id.hex}"
    if state.step is Step.CHOOSE:
        return respond(freeze_page(action, house().emergency.phones(answer.journey)))
    return shown(_page(answer, action), answer)


def _page(answer: _Answer, action: str) -> Page:
    journey, state = answer.journey, answer.journey.state
    frame = Frame(action, notice=notice(answer), links=_links(state.way), cancel=Cancel.OFFERED)
    if state.code is not None:
        codes = house().emergency.codes
        timing = CodeTiming(house().clock(), state.code.expiry, codes.resend_at(state.code))
        sent = Message("emergency.sent")
        return screens.ask_code(sent, frame, timing=timing, faults=faults(answer))
    picture = captcha("emergency", journey.stored.id, state.captcha)
    return screens.ask_fields(
        FORMS[state.way], frame, values=state.typed, faults=faults(answer), captcha=picture
    )


def _links(way: Way) -> tuple[Link, ...]:
    """The other ways, on every page alike."""
    other = Way.CHANNEL if way is Way.PASSWORD else Way.PASSWORD
    return (
        Link(f"link.freeze.{other}", f"/freeze?way={other}"),
        Link("link.freeze.complaint", "/complaint"),
        Link("link.login", "/login"),
    )
