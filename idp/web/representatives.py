"""``/account/representatives``: Người được ủy quyền of an enterprise."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.domain.errors import Conflict, NotPermitted
from idp.domain.sessions import Session
from idp.flows.answers import Said
from idp.flows.representatives import FORM
from idp.web import screens
from idp.web.journey import again, house, message, read_id, visitor
from idp.web.owner import owner
from idp.web.parts import FieldView, Frame, Message, Notice, Tone
from idp.web.screens import respond

_HERE = "/account/representatives"


def init_app(app: Flask) -> None:
    """Answer the list, the form and the button."""
    app.add_url_rule(_HERE, "representatives", _list, methods=["GET", "POST"])
    app.add_url_rule(f"{_HERE}/revoke", "representatives_revoke", _revoke, methods=["POST"])


@owner(_HERE)
def _list(session: Session) -> Response:
    flow, now = house().representatives, house().clock()
    try:
        if request.method == "GET":
            flow.of(session)
            return _page(session, {}, {})
        filled = screens.read_fields(FORM, request.form)
        faults = flow.add(session, filled, visitor(), now=now)
    except NotPermitted:
        return again("/account")
    return _page(session, dict(filled.values), faults) if faults else again(f"{_HERE}?saved")


def _page(session: Session, values: dict[str, str], faults: dict[str, Said]) -> Response:
    told = {name: message(said) for name, said in faults.items()}
    form = screens.ask_fields(FORM, Frame(_HERE), values=values, faults=told)
    fields: tuple[FieldView, ...] = form.context["fields"]  # type: ignore[assignment]
    notes = {"saved": Tone.SUCCESS, "gone": Tone.WARNING}
    note = next((name for name in notes if name in request.args), "")
    context = {
        "people": house().representatives.of(session),
        "fields": fields,
        "faults": told,
        "notice": Notice(Message(f"representatives.{note}"), notes[note]) if note else None,
    }
    return respond(screens.plain("representatives.html", **context), 422 if told else 200)


@owner(_HERE)
def _revoke(session: Session) -> Response:
    flow, now = house().representatives, house().clock()
    row_id = read_id(request.form.get("representative", ""))
    try:
        flow.revoke(session, row_id, visitor(), now=now)
    except NotPermitted:
        return again("/account")
    except Conflict:
        return again(f"{_HERE}?gone")
    return again(f"{_HERE}?saved")
