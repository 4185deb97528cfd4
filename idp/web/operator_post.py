"""``/operator/post``: a clerk of Bưu điện Việt Nam issues an account (S1)."""

from __future__ import annotations

from datetime import datetime

from flask import Flask, Response, request

from idp.domain.operators import Officer, Role
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Journey
from idp.flows.clerk import CHECKS, FORM, SEARCH, ClerkState
from idp.storage.models import moment
from idp.web import operator, screens
from idp.web.journey import again, expired, house, notice, read_id, visitor
from idp.web.operator import PAGES, officer
from idp.web.parts import Cancel, Frame
from idp.web.screens import Action, respond

_HERE = PAGES[Role.POST_CLERK]


def init_app(app: Flask) -> None:
    """Answer the search and the issue."""
    app.add_url_rule(_HERE, "operator_post", _search, methods=["GET", "POST"])
    app.add_url_rule(f"{_HERE}/<transaction>", "operator_post_step", _step, methods=["GET", "POST"])


@officer(Role.POST_CLERK)
def _search(clerk: Officer) -> Response:
    return operator.search(clerk, SEARCH, house().console.clerk)


@officer(Role.POST_CLERK)
def _step(clerk: Officer, transaction: str) -> Response:
    flow, now = house().console.clerk, house().clock()
    journey = flow.find(clerk, read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired(_HERE)
    if request.method == "GET":
        return _show(clerk, Answer(journey))
    if screens.read_action(request.form) is Action.CANCEL:
        flow.finish(journey, now=now)
        return again(_HERE)
    filled = screens.read_fields(FORM, request.form)
    answer = flow.submit(clerk, journey, filled, operator.read_checks(), now=now)
    return again(f"{_HERE}/{transaction}") if answer.is_quiet else _show(clerk, answer)


def _show(clerk: Officer, answer: Answer[ClerkState]) -> Response:
    state = answer.journey.state
    action = f"{_HERE}/{answer.journey.stored.id.hex}"
    if state.code:
        return _issued(clerk, answer.journey, action)
    frame = Frame(action, notice=notice(answer), cancel=Cancel.OFFERED)
    shown = (("number", state.number),)
    return operator.form(
        FORM,
        clerk.role,
        frame,
        values=state.typed,
        faults=answer.faults,
        checks=CHECKS,
        shown=shown,
    )


def _issued(clerk: Officer, journey: Journey[ClerkState], action: str) -> Response:
    """The slip. A code that goes by SMS is not shown to the clerk."""
    state = journey.state
    expires_at: datetime = moment(state.expires_at)
    return respond(
        operator.page(
            "operator_issued.html",
            clerk.role,
            action=action,
            state=state,
            number=IdNumber.parse(state.number).masked,
            expires_at=expires_at,
            unit=clerk.unit,
        )
    )
