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
class Sim:
    """A signing SIM; its certificate is the carrier's to give out."""

    number: str
    carrier: str
    pin: str
    holder: str = "own"  # as of a certificate on a token
    state: str = "valid"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate on a token: of which CA, for whom, and what is wrong with it."""

    ca: str
    # own, staff (with an employer's tax code), other (somebody else's number), nobody (no number)
    holder: str = "own"
    key: str = "rsa"  # rsa, ec
    state: str = "valid"  # valid, expired, future


@dataclass(frozen=True, slots=True)
class Usb:
    """A signing token."""

    token: str
    pin: str
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """One citizen, enterprise or agency, as the state knows them.

    Of an enterprise the name is the firm's and the id number empty; of an agency likewise.
    """

    kind: str
    id_number: str
    cmnd: str | None
    full_name: str
    birth_date: str  # dd/mm/yyyy
    sex: str  # male, female
    phones: tuple[Phone, ...]
    bhxh_code: str
    email: str
    tax_code: str | None = None
    agency_code: str | None = None
    parent: str | None = None  # the agency above
    sim: Sim | None = None
    usb: Usb | None = None

    @property
    def key(self) -> str:
        """What this person is filed under."""
        return self.id_number or self.tax_code or self.agency_code or ""

    def as_json(self) -> dict[str, Any]:
        """What is kept, and told to who asks for people."""
        return asdict(self)

    @property
    def birth_iso(self) -> str:
        """The birth date as the wire protocols spell it."""
        day, month, year = self.birth_date.split("/")
        return f"{year}-{month}-{day}"
