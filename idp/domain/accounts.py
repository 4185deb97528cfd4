"""An account: one subject's record, its identifiers, and the means that open it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from idp.domain.assurance import IAL
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    PersonName,
    PhoneNumber,
    Sex,
    SubjectKind,
)


class AccountStatus(enum.StrEnum):
    """Only an active account gets a session, a code or a token."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Phone:
    """A verified number that receives sign-in codes; numbers are not unique (R46).

    One that its owner reported lost resets no password and hears no more of the account.
    """

    id: UUID
    number: PhoneNumber
    is_default: bool
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate or key that opens an account.

    ``key`` names this very one, in all of the world; ``issuer`` who made it; ``numbers`` whom it
    was made for. A new one of the same issuer for the same number is a renewal (S15). ``details``
    are what its owner is shown; ``kept`` is what the method needs again and nobody is shown.
    """

    method: str
    key: str
    issuer: str
    numbers: tuple[IdNumber, ...]
    expires_at: datetime | None
    details: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """A credential of an account as its method sees it: its name and what the method kept."""

    key: str
    kept: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """What a method may see of an account.

    ``held_until`` is the end of the wait after a phone was replaced (S23); ``closes_at`` when its
    owner's wish to close it is carried out. ``allows_sms`` is off where the owner wants no sign-in
    by password and SMS.
    """

    id: UUID
    kind: SubjectKind
    status: AccountStatus
    ial: IAL
    password_hash: str | None
    phones: tuple[Phone, ...]
    allows_sms: bool = True
    asks_new_portals: bool = True
    language: str = "vi"
    held_until: datetime | None = None
    closes_at: datetime | None = None
    keys: tuple[Key, ...] = ()

    @property
    def default_phone(self) -> Phone | None:
        """The number that receives a code unless the person picks another (R68)."""
        return next((phone for phone in self.phones if phone.is_default), None)

    def is_held(self, now: datetime) -> bool:
        """Whether its phone was replaced a short while ago (S23)."""
        return self.held_until is not None and self.held_until > now


class Attribute(enum.StrEnum):
    """A verified or self-declared fact about the subject; each is kept with its source."""

    FULL_NAME = "full_name"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    CONTACT_PHONE = "contact_phone"
    EMAIL = "email"
    INSURANCE_CODE = "insurance_code"
    PARENT_AGENCY = "parent_agency"
    ADDRESS = "address"
    REPRESENTATIVE = "representative"
    ISSUED_ON = "issued_on"
    CONTACT_ADDRESS = "contact_address"
    BIRTH_PLACE = "birth_place"
    HOME_TOWN = "home_town"
    RESIDENCE = "residence"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a registration method found the person to be.

    ``id_numbers`` are all numbers the source vouches for, the one typed first: each becomes an
    alias of the same account (S5). ``source`` is who vouched (carrier, BHXH, CA), ``reference``
    the source's own record of it, ``more`` other facts that it vouches for, or
    ``more_source`` where that is another one.
    """

    kind: SubjectKind
    id_numbers: tuple[IdNumber, ...]
    name: PersonName
    birth_date: BirthDate | None
    sex: Sex | None
    phone: PhoneNumber | None
    email: EmailAddress | None
    source: str
    reference: str
    verified_at: datetime
    more: Mapping[Attribute, str] = field(default_factory=dict)
    more_source: str = ""


@dataclass(frozen=True, slots=True)
class VerifiedValue:
    """One fact with where it comes from; ``source`` 'self' means the owner typed it."""

    attribute: Attribute
    value: str
    source: str
    method: str
    at: datetime

    @property
    def is_verified(self) -> bool:
        """Whether somebody other than the owner vouches for it."""
        return self.source != "self"
