"""The carriers' subscriber registry (wire contract: ``docs/openapi/carrier.yaml``)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from idp.adapters.http import Caller
from idp.config import System, Tls
from idp.domain.errors import InvalidInput, PortAnswerInvalid
from idp.domain.subjects import BirthDate, IdNumber, NameForm, PersonName, PhoneNumber, Sex
from idp.metrics import Meter
from idp.ports import SubscriberRecord

NAME = "carrier"


class _Subscriber(msgspec.Struct):
    id_number: str
    full_name: str
    birth_date: str | None = None
    other_id_numbers: list[str] = []
    sex: Literal["male", "female"] | None = None


class _Answer(msgspec.Struct):
    found: bool
    carrier: str = ""
    subscriber: _Subscriber | None = None
    name_form: Literal["accented", "unaccented"] = "accented"


class CarrierAdapter:
    """Asks over HTTP."""

    def __init__(self, system: System, tls: Tls, meter: Meter | None = None) -> None:
        self._caller = Caller(NAME, system, tls, meter)

    def find_subscriber(
        self,
        *,
        phone: PhoneNumber,
        id_number: IdNumber,
        name: PersonName,
        birth_date: BirthDate,
        request_id: UUID,
    ) -> SubscriberRecord | None:
        """The record of that number if it belongs to that id number, else None."""
        question = {
            "msisdn": phone.e164,
            "id_number": id_number.value,
            "full_name": name.display,
            "birth_date": birth_date.iso,
            "request_id": str(request_id),
        }
        answer = self._caller.post("/carrier/v1/subscribers/match", question, _Answer)
        if not answer.found:
            return None
        if answer.subscriber is None or not answer.carrier:
            raise PortAnswerInvalid(NAME, "found without a subscriber")
        try:
            return _record(answer, answer.subscriber)
        except InvalidInput as error:
            raise PortAnswerInvalid(NAME, error.code) from error


def _record(answer: _Answer, found: _Subscriber) -> SubscriberRecord:
    numbers = (found.id_number, *found.other_id_numbers)
    return SubscriberRecord(
        id_numbers=tuple(map(IdNumber.parse, numbers)),
        name=PersonName.parse(found.full_name),
        name_form=_FORMS[answer.name_form],
        birth_date=BirthDate.from_iso(found.birth_date) if found.birth_date else None,
        sex=Sex(found.sex) if found.sex else None,
        carrier=answer.carrier,
    )


_FORMS = {"accented": NameForm.ACCENTED, "unaccented": NameForm.UNACCENTED}
