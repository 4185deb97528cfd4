"""``/complaint``: an account with my number is not mine (R14, S4), and what became of it."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.authenticators.contract import AskCode
from idp.flows.answers import Answer, Journey, Said
from idp.flows.complaint import FORM, ComplaintState
from idp.storage.complaints import Complaint
from idp.web import screens, steps
from idp.web.journey import (
    again,
    captcha,
    faults,
    house,
    message,
    notice,
    visitor,
)
from idp.web.parts import Cancel, CodeTiming, Frame, Link, Message, Page
from idp.web.screens import Action, respond

_Answer = Answer[ComplaintState]


def init_app(app: Flask) -> None:
    """Answer ``/complaint`` and everything below."""
    app.add_url_rule("/complaint", "complaint", _start)
    app.add_url_rule("/complaint/status", "complaint_status", _status, methods=["GET", "POST"])
    app.add_url_rule(
        "/complaint/<transaction>", "complaint_step", _complaint, methods=["GET", "POST"]
    )


def _start() -> Response:
    started = house().complaint.start(visitor(), now=house().clock())
    return again(f"/complaint/{started.hex}")


def _complaint(transaction: str) -> Response:
    return steps.take("/complaint", transaction, house().complaint, _act, _show, cancelled="/")


def _act(journey: Journey[ComplaintState], action: Action) -> _Answer:
    flow, now = house().complaint, house().clock()
    if journey.state.code is not None:
        if action is Action.RESEND:
            return flow.resend(journey, visitor(), now=now)
        return flow.confirm(journey, screens.read_code(request.form), now=now)
    filled = screens.read_fields(FORM, request.form)
    if action is Action.NEW_CAPTCHA:
        return Answer(flow.new_captcha(journey, filled))
    typed = screens.read_text(request.form.get("captcha", ""))
    return flow.submit(journey, filled, typed, visitor(), now=now)


def _show(answer: _Answer) -> Response:
    state = answer.journey.state
    if state.ticket:
        return respond(screens.plain("complaint_done.html", ticket=state.ticket))
    return respond(_page(answer), 200 if answer.is_quiet else 422)


def _page(answer: _Answer) -> Page:
    journey, state = answer.journey, answer.journey.state
    links = (Link("link.complaint_status", "/complaint/status"),)
    frame = Frame(
        f"/complaint/{journey.stored.id.hex}",
        notice=notice(answer),
        links=links if state.code is None else (),
        cancel=Cancel.OFFERED,
    )
    if state.code is None:
        picture = captcha("complaint", journey.stored.id, state.captcha)
        return screens.ask_fields(
            FORM, frame, values=state.typed, faults=faults(answer), captcha=picture
        )
    codes = house().complaint.codes
    timing = CodeTiming(house().clock(), state.code.expiry, codes.resend_at(state.code))
    return screens.ask_code(AskCode(state.code.number), frame, timing=timing, faults=faults(answer))


def _status() -> Response:
    """A form for the ticket number; its answer comes by POST, so that it is in no log."""
    typed = screens.read_text(request.form.get("ticket", ""))
    if request.method == "GET":
        return respond(_status_page(typed, None, {}))
    found = house().complaint.look_up(typed, visitor(), now=house().clock())
    if isinstance(found, Said):
        return respond(_status_page(typed, None, {"ticket": message(found)}), 422)
    if found is None:
        return respond(_status_page(typed, None, {"ticket": Message("error.ticket")}), 422)
    return respond(_status_page(typed, found, {}))


def _status_page(typed: str, found: Complaint | None, wrong: dict[str, Message]) -> Page:
    return Page(
        "complaint_status.html",
        {"ticket": typed, "found": found, "notice": None, "portal": None, "faults": wrong},
    )
