"""The social-insurance database: who has a code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults
from idp.sandbox.people import People, Person


def blueprint(people: People, broken: faults.Faults) -> Blueprint:
    """The wire protocol that the provider speaks to the real database."""
    routes = Blueprint("bhxh", __name__)
    faults.guard(routes, broken, "bhxh")
    answers.require_bearer(routes, "sandbox-bhxh")

    @routes.post("/bhxh/v1/insured/find")
    def find() -> ResponseReturnValue:
        asked: Any = request.get_json(silent=True)
        code = asked.get("insurance_code") if isinstance(asked, Mapping) else None
        if not isinstance(code, str) or not re.fullmatch(r"[0-9]{10}|[0-9]{12}", code):
            return {"error": "invalid_request", "error_description": "insurance_code"}, 400
        person = people.insured(code)
        return {"found": True, **_record(person)} if person else {"found": False}

    return routes


def _record(person: Person) -> dict[str, object]:
    insured = {
        "id_number": person.id_number,
        "other_id_numbers": [person.cmnd] if person.cmnd else [],
        "full_name": person.full_name,
        "birth_year": person.birth_iso[:4],
        "birth_date": person.birth_iso,
        "sex": person.sex,
    }
    return {"insured": insured, "name_form": "accented"}
