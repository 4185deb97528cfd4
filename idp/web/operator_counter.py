"""``/operator/counter``: a one-time code for somebody whose card was seen at a service counter."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.domain.accounts import Attribute
from idp.domain.operators import Officer, Role
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer
from idp.flows.counter_desk import SEARCH, DeskState
from idp.storage.accounts import OwnIdentity
from idp.web import operator, screens
from idp.web.facts import shown_value
from idp.web.journey import again, expired, faults, house, read_id, visitor
from idp.web.operator import PAGES, officer
from idp.web.screens import Action, respond

_HERE = PAGES[Role.COUNTER]
_COMPARED = (
    Attribute.FULL_NAME,
    Attribute.REPRESENTATIVE,
    Attribute.PARENT_AGENCY,
    Attribute.BIRTH_DATE,
    Attribute.SEX,
)


def init_app(app: Flask) -> None:
    """Answer the search and the person."""
    app.add_url_rule(_HERE, "operator_counter", _search, methods=["GET", "POST"])
    app.add_url_rule(
        f"{_HERE}/<transaction>", "operator_counter_step", _step, methods=["GET", "POST"]
    )


@officer(Role.COUNTER)
def _search(teller: Officer) -> Response:
    return operator.search(teller, SEARCH, house().console.counter)


@officer(Role.COUNTER)
def _step(teller: Officer, transaction: str) -> Response:
    flow, now = house().console.counter, house().clock()
    journey = flow.find(teller, read_id(transaction), visitor(), now=now)
    if journey is None:
        return expired(_HERE)
    if request.method == "GET":
        return _show(teller, Answer(journey))
    if screens.read_action(request.form) is Action.CANCEL:
        flow.finish(journey, now=now)
        return again(_HERE)
    answer = flow.issue(teller, journey, operator.read_checks(), now=now)
    return again(f"{_HERE}/{transaction}") if answer.is_quiet else _show(teller, answer)


def _show(teller: Officer, answer: Answer[DeskState]) -> Response:
    journey = answer.journey
    account, own = house().console.counter.person(journey)
    context = {
        "action": f"{_HERE}/{journey.stored.id.hex}",
        "number": IdNumber.parse_any(journey.state.number).masked,
        "rows": compared(own),
        "account": account,
        "code": journey.state.code,
        "days": house().config.account.recovery_code_ttl // 86400,
        "faults": faults(answer),
    }
    status = 200 if answer.is_quiet else 422
    return respond(operator.page("operator_person.html", teller.role, **context), status)


def compared(own: OwnIdentity) -> tuple[tuple[str, str], ...]:
    """What stands on a card as well, so that the operator can compare."""
    found = ((name, own.find(name)) for name in _COMPARED)
    return tuple((str(name), shown_value(name, fact.value)) for name, fact in found if fact)
