"""Open an account with a mobile subscription in one's own name (R11-R15). Proves level 2.

The carrier's record of the number must have the same id number, name and birth date before any
message is sent; which of them differs is never told (S18).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from idp.authenticators import citizen_form
from idp.authenticators.coded_form import CodedForm
from idp.authenticators.contract import (
    AskCode,
    AskFields,
    Continue,
    Field,
    FieldKind,
    Invalid,
    Method,
    Proofed,
    Refusal,
    Refused,
    RegistrationOutcome,
    Vouched,
)
from idp.domain import identities
from idp.domain.accounts import Account, Attribute, Identity
from idp.domain.applications import Application
from idp.domain.assurance import IAL, Amr, Attestation, Evidence, EvidenceKind
from idp.domain.subjects import SubjectKind
from idp.ports import SubscriberRecord, SubscriberRegistry

NAME = "mobile"
FORM = AskFields(
    "register.mobile",
    (
        Field("username", FieldKind.ID_NUMBER),
        Field("full_name", FieldKind.NAME),
        Field("birth_date", FieldKind.BIRTH_DATE),
        Field("phone", FieldKind.PHONE),
        Field("email", FieldKind.EMAIL, required=False),
    ),
    is_guarded=True,
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Matched at the carrier; the code goes to the matched number."""

    registry: SubscriberRegistry
    form: AskFields = FORM

    def read(self, values: Mapping[str, str], *, now: datetime) -> Application | Invalid:
        """Who the person is and which subscription is theirs."""
        return citizen_form.read(values, now=now)

    def match(self, claim: Application, *, now: datetime) -> RegistrationOutcome:
        """Ask the carrier whose number it is."""
        if claim.is_under_age(now):
            return Refused(Refusal.UNDER_AGE)
        record = _find(self.registry, claim)
        if record is None or not claim.agrees_with(record):
            return Refused("carrier_mismatch")
        identity = _identity(claim, record, now=now)
        return Continue(AskCode(claim.phone), identities.to_text(identity), identity)

    def prove(self, state: Mapping[str, str], *, now: datetime) -> Proofed:
        """By the record, and by the phone that is at hand."""
        evidence = Evidence(NAME, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
        return Proofed(identities.from_text(state), evidence)


def _identity(application: Application, record: SubscriberRecord, *, now: datetime) -> Identity:
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=application.numbers_with(record),
        name=application.name_by(record),
        birth_date=application.birth_date,
        sex=record.sex,
        phone=application.phone,
        email=application.email,
        source=_source(record),
        reference=record.carrier,
        verified_at=now,
    )


def _find(registry: SubscriberRegistry, application: Application) -> SubscriberRecord | None:
    return registry.find_subscriber(
        phone=application.phone,
        id_number=application.id_number,
        name=application.name,
        birth_date=application.birth_date,
        request_id=uuid4(),
    )


def _source(record: SubscriberRecord) -> str:
    return f"carrier:{record.carrier}"


@dataclass(frozen=True, slots=True)
class Carrier:
    """Asked again about the number that receives the account's codes."""

    registry: SubscriberRegistry
    mismatch: str = "refusal.carrier_mismatch"

    def knows(self, account: Account, facts: Mapping[Attribute, str]) -> bool:
        """A number is enough."""
        del facts
        return account.default_phone is not None

    def find(self, application: Application, facts: Mapping[Attribute, str]) -> Vouched | None:
        """Whom the carrier knows as the owner of the number."""
        del facts
        record = _find(self.registry, application)
        return Vouched(record, record.sex, _source(record), record.carrier) if record else None


def build(registry: SubscriberRegistry) -> Method:
    """The method, ready to use."""
    return Method(
        NAME,
        IAL.MEDIUM,
        registration=CodedForm(Subscription(registry)),
        registry=Carrier(registry),
        attestation=Attestation(EvidenceKind.RECORD, record="mobile_subscriber_register"),
    )
