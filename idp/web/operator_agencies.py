"""``/operator/agencies``: Gán mã đơn vị, for certificates that the directory cannot name (S17)."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.authenticators.contract import AskFields, Field, FieldKind
from idp.domain.agencies import Agency
from idp.domain.errors import Conflict
from idp.domain.operators import Officer, Role
from idp.flows.answers import Said
from idp.storage.agencies import Binding
from idp.web import operator, screens
from idp.web.journey import again, house, message
from idp.web.operator import PAGES, officer
from idp.web.parts import FieldView, Frame, Message, Notice, Tone
from idp.web.screens import respond

_HERE = PAGES[Role.AGENCIES]
_CODE = AskFields("operator.agency", (Field("agency_code", FieldKind.TEXT),))


def init_app(app: Flask) -> None:
    """Answer the list, the form and the buttons."""
    app.add_url_rule(_HERE, "operator_agencies", _list)
    app.add_url_rule(f"{_HERE}/bind", "operator_agency", _bind, methods=["GET", "POST"])
    app.add_url_rule(f"{_HERE}/unbind", "operator_agency_unbind", _unbind, methods=["POST"])


@officer(Role.AGENCIES)
def _list(registrar: Officer) -> Response:
    desk = house().console.agencies
    told = next((name for name in ("saved", "taken") if name in request.args), "")
    tone = Tone.SUCCESS if told == "saved" else Tone.WARNING
    context = {
        "waiting": desk.agencies.waiting(),
        "bound": desk.agencies.bound(),
        "count": desk.agencies.count(),
        "notice": Notice(Message(f"operator.agencies.{told}"), tone) if told else None,
    }
    return respond(operator.page("operator_agencies.html", registrar.role, **context))


@officer(Role.AGENCIES)
def _bind(registrar: Officer) -> Response:
    desk, key = house().console.agencies, request.values.get("key", "")[:100]
    found = desk.agencies.get_binding(key)
    if found is None or found.code is not None:
        return again(f"{_HERE}?taken")
    if request.method == "GET":
        return _show(registrar, found, "", {})
    typed = screens.read_fields(_CODE, request.form).values["agency_code"]
    try:
        bound = desk.bind(registrar, key, typed, now=house().clock())
    except Conflict:
        return again(f"{_HERE}?taken")
    if isinstance(bound, dict):
        return _show(registrar, found, typed, bound)
    return again(f"{_HERE}?saved")


def _show(registrar: Officer, found: Binding, typed: str, faults: dict[str, Said]) -> Response:
    told = {name: message(said) for name, said in faults.items()}
    form = screens.ask_fields(
        _CODE, Frame(f"{_HERE}/bind"), values={"agency_code": typed}, faults=told
    )
    fields: tuple[FieldView, ...] = form.context["fields"]  # type: ignore[assignment]
    named: tuple[Agency, ...] = house().console.agencies.agencies.named(found.subject.name)
    context = {"binding": found, "view": fields[0], "named": named, "faults": told}
    page = operator.page("operator_agency.html", registrar.role, **context)
    return respond(page, 422 if told else 200)


@officer(Role.AGENCIES)
def _unbind(registrar: Officer) -> Response:
    key = request.form.get("key", "")[:100]
    try:
        house().console.agencies.unbind(registrar, key, now=house().clock())
    except Conflict:
        return again(f"{_HERE}?taken")
    return again(f"{_HERE}?saved")
