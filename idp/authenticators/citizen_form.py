"""The form that a citizen fills in where a registry vouches (R11, R21), read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TypeVar

from idp.authenticators.contract import Invalid
from idp.domain.applications import VIETNAM, Application
from idp.domain.errors import InvalidInput
from idp.domain.subjects import BirthDate, EmailAddress, IdNumber, PersonName, PhoneNumber

T = TypeVar("T")


class Reader:
    """Reads the fields of a form one by one and remembers every fault."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.errors: dict[str, str] = {}

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The value of a field, or None with its fault noted."""
        try:
            return parse(self._values.get(name, ""))
        except InvalidInput as error:
            self.errors[name] = error.code
            return None


def read(values: Mapping[str, str], *, now: datetime) -> Application | Invalid:
    """Read every field and report every fault at once."""
    reader = Reader(values)
    id_number = reader.read("username", IdNumber.parse)
    name = reader.read("full_name", PersonName.parse)
    birth_date = reader.read("birth_date", BirthDate.parse)
    phone = reader.read("phone", PhoneNumber.parse)
    email = reader.read("email", EmailAddress.parse) if values.get("email", "").strip() else None
    if birth_date and birth_date.age_on(_today(now)) < 0:
        reader.errors["birth_date"] = "birth_date.future"
    elif id_number and birth_date and not id_number.agrees_with(birth_date):
        reader.errors["username"] = "id_number.birth_date"
    if reader.errors or not (id_number and name and birth_date and phone):
        return Invalid(reader.errors)
    return Application(id_number, name, birth_date, phone, email)


def _today(now: datetime) -> date:
    return now.astimezone(VIETNAM).date()
