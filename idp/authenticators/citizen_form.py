"""The form that a citizen fills in where a registry vouches (R11, R21), read and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Protocol, TypeVar

from idp.authenticators.contract import Invalid
from idp.domain.errors import InvalidInput
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    NameForm,
    PersonName,
    PhoneNumber,
)

T = TypeVar("T")
MINIMUM_AGE = 14
"""Years; below it the law lets a guardian apply, not the child alone (NĐ 69/2024)."""

VIETNAM = timezone(timedelta(hours=7))


class Record(Protocol):
    """What a registry knows about a person."""

    @property
    def id_numbers(self) -> tuple[IdNumber, ...]:
        """Every number of theirs."""

    @property
    def name(self) -> PersonName:
        """As the registry writes it."""

    @property
    def name_form(self) -> NameForm:
        """Whether it keeps accents."""

    @property
    def birth_date(self) -> BirthDate | None:
        """As far as it is on file."""


@dataclass(frozen=True, slots=True)
class Application:
    """What the person typed, read."""

    id_number: IdNumber
    name: PersonName
    birth_date: BirthDate
    phone: PhoneNumber
    email: EmailAddress | None

    def agrees_with(self, record: Record) -> bool:
        """Whether id number, name and birth date are the record's (S18)."""
        return (
            self.id_number in record.id_numbers
            and self.name.matches(record.name, form=record.name_form)
            and record.birth_date is not None
            and self.birth_date.matches(record.birth_date)
        )

    def is_under_age(self, now: datetime) -> bool:
        """Whether the person is too young to apply alone."""
        return self.birth_date.age_on(now.astimezone(VIETNAM).date()) < MINIMUM_AGE

    def name_by(self, record: Record) -> PersonName:
        """As the register spells it; what was typed only where the register has no accents."""
        return record.name if record.name_form is NameForm.ACCENTED else self.name

    def numbers_with(self, record: Record) -> tuple[IdNumber, ...]:
        """Every number of the record, the typed one first: each becomes an alias (S5)."""
        others = (number for number in record.id_numbers if number != self.id_number)
        return (self.id_number, *others)


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
