"""The post offices: a clerk types what is on a card, and our system sends it to the provider."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults
from idp.sandbox.people import People

_CLERK = {"id": "bd-001", "post_office": "Bưu điện Trung tâm"}
_KEY = "sandbox-vnpost"


def blueprint(people: People, broken: faults.Faults, issuer: str) -> Blueprint:
    """``/vnpost/issue``: JSON for programs, a form for people."""
    routes = Blueprint("vnpost", __name__)
    faults.guard(routes, broken, "vnpost")

    @routes.get("/vnpost")
    def show() -> ResponseReturnValue:
        citizens = [person for person in people.all() if person.kind == "citizen" and person.phones]
        return render_template("vnpost.html", people=citizens, answer=None)

    @routes.post("/vnpost/issue")
    def issue() -> ResponseReturnValue:
        fields = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        if not isinstance(fields, Mapping):
            return {"error": "a JSON object is needed"}, 400
        try:
            card = _card(people, fields)
        except ValueError as error:
            return {"error": str(error)}, 400
        status, answer = _send(f"{issuer}/counter/v1/accounts", card)
        if answers.wants_html():
            citizens = [p for p in people.all() if p.kind == "citizen" and p.phones]
            return render_template("vnpost.html", people=citizens, answer=answer)
        return answer, status

    return routes


def _card(people: People, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The person before the counter, with what the clerk typed differently."""
    named = fields.get("person") or fields.get("id_number")
    if isinstance(named, Mapping):
        named = named.get("id_number")
    person = people.find(str(named)) if named else None
    known: dict[str, Any] = {}
    if person is not None:
        known = {
            "id_number": person.id_number,
            "other_id_numbers": [person.cmnd] if person.cmnd else [],
            "full_name": person.full_name,
            "birth_date": person.birth_date,
            "sex": person.sex,
            "phone": person.phones[0].number if person.phones else "",
            "email": person.email,
        }
    typed = {k: v for k, v in fields.items() if k != "person" and v not in (None, "")}
    card = {"clerk": _CLERK, "consent": True, **known, **typed}
    if "id_number" not in card:
        raise ValueError("person or id_number is needed")
    return card


def _send(address: str, card: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_KEY}"}
    asked = urllib.request.Request(address, json.dumps(card).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except (OSError, ValueError) as error:
        return 502, {"error": f"the provider does not answer: {type(error).__name__}"}
