"""What is known of one invented person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Phone:
    """A subscription, with what is odd about the carrier's record of its owner."""

    number: str
    carrier: str
    birth: str = "date"  # or "year", "none": how much of the birth date is on file
    name_form: str = "accented"  # or "unaccented"
    registered_at: str = "2021-06-01"


@dataclass(frozen=True, slots=True)
class Person:
    """One citizen, as the state knows them."""

    kind: str
    id_number: str
    cmnd: str | None
    full_name: str
    birth_date: str  # dd/mm/yyyy
    sex: str  # male, female
    phones: tuple[Phone, ...]
    bhxh_code: str
    email: str

    def as_json(self) -> dict[str, Any]:
        """What ``GET /people`` answers."""
        return asdict(self)

    @property
    def birth_iso(self) -> str:
        """The birth date as the wire protocols spell it."""
        day, month, year = self.birth_date.split("/")
        return f"{year}-{month}-{day}"
