"""The database of Vietnam Social Security (wire contract: ``docs/openapi/bhxh.yaml``)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from idp.adapters.http import Caller
from idp.config import System, Tls
from idp.domain.errors import InvalidInput, PortAnswerInvalid
from idp.domain.subjects import BirthDate, IdNumber, InsuranceCode, NameForm, PersonName, Sex
from idp.metrics import Meter
from idp.ports import InsuredRecord

NAME = "bhxh"


class _Insured(msgspec.Struct):
    id_number: str
    full_name: str
    birth_year: str
    birth_date: str = ""
    other_id_numbers: list[str] = []
    sex: Literal["male", "female"] | None = None


class _Answer(msgspec.Struct):
    found: bool
    insured: _Insured | None = None
    name_form: Literal["accented", "unaccented"] = "accented"


class InsuranceAdapter:
    """Asks over HTTP."""

    def __init__(self, system: System, tls: Tls, meter: Meter | None = None) -> None:
        self._caller = Caller(NAME, system, tls, meter)

    def find_insured(self, *, code: InsuranceCode, request_id: UUID) -> InsuredRecord | None:
        """The record of that code, or None."""
        question = {"insurance_code": code.value, "request_id": str(request_id)}
        answer = self._caller.post("/bhxh/v1/insured/find", question, _Answer)
        if not answer.found:
            return None
        if answer.insured is None:
            raise PortAnswerInvalid(NAME, "found without a record")
        try:
            return _record(answer.insured, NameForm[answer.name_form.upper()])
        except InvalidInput as error:
            raise PortAnswerInvalid(NAME, error.code) from error


def _record(found: _Insured, form: NameForm) -> InsuredRecord:
    """Old records hold only the year of birth (formats B.7)."""
    numbers = (found.id_number, *found.other_id_numbers)
    return InsuredRecord(
        id_numbers=tuple(map(IdNumber.parse, numbers)),
        name=PersonName.parse(found.full_name),
        name_form=form,
        birth_date=BirthDate.from_iso(found.birth_date or found.birth_year),
        sex=Sex(found.sex) if found.sex else None,
    )
