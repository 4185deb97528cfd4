"""The registry of the carriers: who subscribes to a number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults, numbers
from idp.sandbox.people import People, Person, Phone

_FORMS = {"full_name": r"\S.{0,200}", "id_number": r"[0-9]{9}|[0-9]{12}", "request_id": r".{1,100}"}


def blueprint(people: People, broken: faults.Faults) -> Blueprint:
    """The wire protocol that the provider speaks to real carriers."""
    routes = Blueprint("carrier", __name__)
    faults.guard(routes, broken, "carrier")
    answers.require_bearer(routes, "sandbox-carrier")

    @routes.post("/carrier/v1/subscribers/match")
    def match() -> ResponseReturnValue:
        asked: Any = request.get_json(silent=True)
        wrong = _mistake(asked)
        if wrong is not None:
            return {"error": "invalid_request", "error_description": wrong}, 400
        owner = people.owner_of("0" + asked["msisdn"][3:])
        if owner is None:
            return {"found": False}
        person, phone = owner
        if asked["id_number"] not in (person.id_number, person.cmnd):
            return {"found": False}
        return {
            "found": True,
            "carrier": phone.carrier,
            "subscriber": _subscriber(person, phone),
            "name_form": phone.name_form,
        }

    return routes


def _mistake(asked: object) -> str | None:
    if not isinstance(asked, Mapping):
        return "a JSON object is needed"
    for name, form in _FORMS.items():
        value = asked.get(name)
        if not isinstance(value, str) or re.fullmatch(form, value) is None:
            return name
    msisdn = asked.get("msisdn")
    if not isinstance(msisdn, str) or not numbers.is_e164(msisdn):
        return "msisdn"
    birth_date = asked.get("birth_date")
    if not isinstance(birth_date, str) or re.fullmatch(r"\d{4}-\d{2}-\d{2}", birth_date) is None:
        return "birth_date"
    try:
        date.fromisoformat(birth_date)
    except ValueError:
        return "birth_date"
    return None


def _subscriber(person: Person, phone: Phone) -> dict[str, object]:
    unaccented = phone.name_form == "unaccented"
    birth = {"date": person.birth_iso, "year": person.birth_iso[:4], "none": None}
    return {
        "id_number": person.id_number,
        "other_id_numbers": [person.cmnd] if person.cmnd else [],
        "full_name": _unaccented(person.full_name) if unaccented else person.full_name,
        "birth_date": birth[phone.birth],
        "sex": person.sex,
        "registered_at": f"{phone.registered_at}T08:00:00+07:00",
    }


def _unaccented(name: str) -> str:
    """As old carrier systems keep names: upper case without marks."""
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in plain if not unicodedata.combining(c)).upper()
