"""Who somebody says they are, and who a registry knows: compared (R15, R22, S18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Protocol

from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    NameForm,
    PersonName,
    PhoneNumber,
)

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
