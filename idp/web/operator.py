"""``/operator``: the console's door and its first page.

Every page of the console goes through ``officer``: signed in, still an operator, console open, role
held. A stranger learns nothing but that this page is not for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol
from uuid import UUID

from flask import Flask, Response, g, request

from idp.authenticators.contract import AskFields, Filled
from idp.domain.errors import NotPermitted, ProofStale
from idp.domain.operators import Officer, Operator, Role
from idp.flows.answers import Said, Visitor
from idp.flows.login.state import LoginState
from idp.web import screens
from idp.web.journey import again, current_session, house, message, visitor
from idp.web.parts import FieldView, Frame, Page
from idp.web.screens import respond

P = ParamSpec("P")
HOME = "/operator"
PAGES = {
    Role.POST_CLERK: "/operator/post",
    Role.COUNTER: "/operator/counter",
    Role.COMPLAINTS: "/operator/complaints",
    Role.AGENCIES: "/operator/agencies",
}


def init_app(app: Flask) -> None:
    """Answer the first page."""
    app.add_url_rule(HOME, "operator", _home)


def officer(
    role: Role,
) -> Callable[[Callable[Concatenate[Officer, P], Response]], Callable[P, Response]]:
    """A page for holders of ``role``; the gate is asked at each request."""

    def guard(view: Callable[Concatenate[Officer, P], Response]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            entered = _enter(PAGES[role])
            if not isinstance(entered, Operator):
                return entered
            if role not in entered.units:
                return _not_yours()
            return view(entered.officer(role), *args, **kwargs)

        return guarded

    return guard


def _enter(back: str) -> Operator | Response:
    """The operator who asks, or the way to become one: sign in, or nothing."""
    now, flow = house().clock(), house().console.operators
    session = current_session(now=now)
    if session is None:
        return _sign_in(back)
    try:
        g.operator = flow.enter(session, now=now)
    except NotPermitted:
        return _not_yours()
    except ProofStale:
        return _sign_in(back)
    entered: Operator = g.operator
    return entered


def _sign_in(back: str) -> Response:
    """With the level that opens the console; tabs below it are closed."""
    flow, level = house().login, house().console.operators.level
    state = LoginState(flow.method_for(level).name, back=back, floor=int(level))
    return again(f"/login/{flow.start(state, visitor(), now=house().clock()).hex}")


def _not_yours() -> Response:
    return respond(screens.plain("operator_none.html"), 403)


def _home() -> Response:
    entered = _enter(HOME)
    if not isinstance(entered, Operator):
        return entered
    pages = tuple(
        (role, entered.units[role], PAGES[role]) for role in PAGES if role in entered.units
    )
    return respond(page("operator.html", "", pages=pages))


# --- pages --------------------------------------------------------------------------------------


def page(template: str, here: str, **context: object) -> Page:
    """A page of the console: who is here, the way to the other pages, and its own content."""
    entered: Operator = g.operator
    ways = tuple((role, href) for role, href in PAGES.items() if role in entered.units)
    around = {"operator": entered, "ways": ways, "section": here}
    return screens.plain(template, **around, **context)


def form(  # noqa: PLR0913  keywords: what a form shows
    asked: AskFields,
    here: str,
    frame: Frame,
    *,
    values: Mapping[str, str] | None = None,
    faults: Mapping[str, Said] | None = None,
    checks: tuple[str, ...] = (),
    shown: tuple[tuple[str, str], ...] = (),
) -> Response:
    """A form about somebody else: the browser fills in nothing of the operator's own."""
    told = {name: message(said) for name, said in (faults or {}).items()}
    plain = screens.ask_fields(asked, frame, values=values, faults=told)
    fields: tuple[FieldView, ...] = plain.context["fields"]  # type: ignore[assignment]
    views = tuple(
        replace(view, attributes={**view.attributes, "autocomplete": "off"}) for view in fields
    )
    context = {"key": asked.key, "fields": views, "checks": checks, "shown": shown}
    around = {"frame": frame, "faults": told, "notice": frame.notice}
    found = page("operator_form.html", here, **context, **around)
    return respond(found, 422 if told else 200)


class Desk(Protocol):
    """Where a number is looked up before anything is done for its owner."""

    def search(
        self, officer: Officer, filled: Filled, visitor: Visitor, *, now: datetime
    ) -> UUID | dict[str, Said]:
        """The journey about that number, or what is wrong with it."""


def search(worker: Officer, asked: AskFields, desk: Desk) -> Response:
    """The first page of a role: whose number it is about."""
    here = PAGES[worker.role]
    if request.method == "GET":
        return form(asked, worker.role, Frame(here))
    filled = screens.read_fields(asked, request.form)
    found = desk.search(worker, filled, visitor(), now=house().clock())
    if isinstance(found, dict):
        return form(asked, worker.role, Frame(here), values=filled.values, faults=found)
    return again(f"{here}/{found.hex}")


def read_checks() -> frozenset[str]:
    """The boxes that were ticked."""
    return frozenset(name for name, value in request.form.items() if value == "yes")
