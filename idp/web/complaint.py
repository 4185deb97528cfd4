"""``/complaint``: an account with my number is not mine (R14, S4), and what became of it."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.authenticators.contract import AskCode
from idp.flows.answers import Answer, Said
from idp.flows.complaint import FORM, ComplaintState
from idp.storage.complaints import Complaint
from idp.web import screens
from idp.web.journey import (
    again,
    captcha,
    expired,
    faults,
    house,
    message,
    notice,
    read_id,
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
    flow, now = house().complaint, house().clock()
    journey = flow.find(read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired("/complaint")
    if request.method == "GET":
        return _show(Answer(journey))
    action = screens.read_action(request.form)
    if action is Action.CANCEL:
        return again("/")
    if journey.state.code is not None:
        answer = (
            flow.resend(journey, visitor(), now=now)
            if action is Action.RESEND
            else flow.confirm(journey, screens.read_code(request.form), now=now)
        )
    else:
        filled = screens.read_fields(FORM, request.form)
        if action is Action.NEW_CAPTCHA:
            answer = Answer(flow.new_captcha(journey, filled))
        else:
            typed = screens.read_text(request.form.get("captcha", ""))
            answer = flow.submit(journey, filled, typed, visitor(), now=now)
    return again(f"/complaint/{transaction}") if answer.is_quiet else _show(answer)


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
