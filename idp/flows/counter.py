"""A post office opens the way to an account: the clerk has seen the person and the card (S1).

The post offices' own system (``web/counter.py``) and the clerk page of the console
(``flows/clerk.py``) come in here: one reading of the card, one rule, one line in the audit.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from idp.domain.accounts import Identity
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.operators import Officer
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    PersonName,
    PhoneNumber,
    Sex,
    SubjectKind,
)
from idp.flows.operators import act
from idp.flows.otp import SmsText
from idp.storage.accounts import AccountStore
from idp.storage.activations import ActivationStore, Issued
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.outbox import OutboxStore

T = TypeVar("T")
CONSENT_TEXT = "2026-11"
"""The version of the words that the person agreed to at the counter (``operator.consent``)."""


class Delivery(enum.StrEnum):
    """How the code reaches the person."""

    SMS = "sms"
    SLIP = "slip"


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who vouches, and where."""

    id: str
    post_office: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a clerk typed from an identity card, and the phone that the person gave."""

    id_number: str
    full_name: str
    birth_date: str
    phone: str
    sex: str = ""
    email: str = ""
    other_id_numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What cannot be read on a card: name of the field to the code of its message."""

    faults: dict[str, str]


def read_card(card: Card, *, source: str, office: str, now: datetime) -> Identity | Unreadable:
    """The identity on a card, or every fault at once; ``source`` and ``office`` vouch for it."""
    faults: dict[str, str] = {}

    def read(name: str, text: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(text)
        except InvalidInput as error:
            faults[name] = error.code
            return None

    number = read("username", card.id_number, IdNumber.parse)
    others = [read("other_number", text, IdNumber.parse) for text in card.other_id_numbers]
    name = read("full_name", card.full_name, PersonName.parse)
    birth_date = read("birth_date", card.birth_date, _birth_date)
    phone = read("phone", card.phone, PhoneNumber.parse)
    email = read("email", card.email, EmailAddress.parse) if card.email else None
    sex = read("sex", card.sex, _sex) if card.sex else None
    known = tuple(dict.fromkeys(each for each in (number, *others) if each))
    if birth_date and not all(each.agrees_with(birth_date, sex) for each in known):
        faults["birth_date"] = "id_number.birth_date"
    if len({each.kind for each in known}) != len(known):
        faults["other_number"] = "id_number.kind"
    if birth_date and birth_date.age_on(now.date()) < 0:
        faults["birth_date"] = "birth_date.future"
    if faults or number is None or name is None or birth_date is None or phone is None:
        return Unreadable(faults)
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=known,
        name=name,
        birth_date=birth_date,
        sex=sex,
        phone=phone,
        email=email,
        source=source,
        reference=office,
        verified_at=now,
    )


def _birth_date(text: str) -> BirthDate:
    return BirthDate.from_iso(text) if "-" in text else BirthDate.parse(text)


def _sex(text: str) -> Sex:
    if text not in set(Sex):
        raise InvalidInput("sex.form")
    return Sex(text)


@dataclass(frozen=True, slots=True)
class CounterFlow:
    """What the counter system and a clerk may do.

    ``method`` is the one whose accounts are issued; the counter system is called like it.
    """

    database: Database
    accounts: AccountStore
    activations: ActivationStore
    outbox: OutboxStore
    audit: AuditStore
    text: SmsText
    method: str

    def read(self, card: Card, *, office: str, now: datetime) -> Identity | Unreadable:
        """The identity on a card that somebody of this office has seen, or every fault at once."""
        return read_card(card, source=self.method, office=office, now=now)

    def issue(
        self,
        identity: Identity,
        clerk: Clerk,
        *,
        delivery: Delivery = Delivery.SMS,
        officer: Officer | None = None,
        now: datetime,
    ) -> Issued:
        """Record the identity; the code goes to its phone, or only onto the slip.

        Raises ``Conflict('account.exists')``: a clerk who has the card before them may know.
        """
        if identity.phone is None:
            raise Conflict("phone.missing")
        if self.accounts.has_any(identity.id_numbers):
            raise Conflict("account.exists")
        issued = self.activations.issue(
            identity, clerk=clerk.id, post_office=clerk.post_office, now=now
        )
        details = {
            "clerk": clerk.id,
            "office": clerk.post_office,
            "method": self.method,
            "consent": CONSENT_TEXT,
            "delivery": str(delivery),
            "number": identity.id_numbers[0].masked,
        }
        event = AuditEvent(Event.ACCOUNT_ISSUED, now, details=details)
        if officer is not None:
            event = act(officer, Event.ACCOUNT_ISSUED, None, now=now, **details)
        with self.database.transaction() as connection:
            if delivery is Delivery.SMS:
                days = (issued.expires_at - now).days
                message = {
                    "to": identity.phone.e164,
                    "text": self.text("activation", issued.code, days, ""),
                    "expires_at": str(milliseconds(issued.expires_at)),
                }
                self.outbox.add(connection, "sms", message, now=now)
            self.audit.add(connection, event)
        return issued
