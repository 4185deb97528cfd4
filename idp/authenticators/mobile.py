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
from idp.authenticators.citizen_form import Application
from idp.authenticators.contract import (
    AskCode,
    AskFields,
    CodeConfirmed,
    Continue,
    Field,
    FieldKind,
    Filled,
    Invalid,
    Method,
    Poll,
    Proofed,
    Refusal,
    Refused,
    RegistrationOutcome,
    Reply,
    Signed,
)
from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.subjects import PhoneNumber, SubjectKind
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
class MobileRegistration:
    """Form, carrier match, code to the matched number."""

    registry: SubscriberRegistry
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = True

    def start(self, subject: SubjectKind) -> Continue:
        """Ask who the person is and which subscription is theirs."""
        del subject
        return Continue(FORM)

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """What cannot be read, and what contradicts itself."""
        del state
        found = citizen_form.read(reply.values, now=now)
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody: a code is counted where it is sent."""
        del reply
        return None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Match at the carrier first; the code proves that the phone is at hand."""
        match reply:
            case Filled(values):
                application = citizen_form.read(values, now=now)
                if isinstance(application, Invalid):
                    return application
                return self._match(application, now=now)
            case CodeConfirmed():
                identity = identities.from_text(state)
                evidence = Evidence(NAME, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
                return Proofed(identity, evidence)
            case Signed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)

    def _match(self, application: Application, *, now: datetime) -> RegistrationOutcome:
        if application.is_under_age(now):
            return Refused(Refusal.UNDER_AGE)
        record = self.registry.find_subscriber(
            phone=application.phone,
            id_number=application.id_number,
            name=application.name,
            birth_date=application.birth_date,
            request_id=uuid4(),
        )
        if record is None or not application.agrees_with(record):
            return Refused("carrier_mismatch")
        identity = _identity(application, record, now=now)
        return Continue(AskCode(application.phone), identities.to_text(identity), identity)


def _identity(application: Application, record: SubscriberRecord, *, now: datetime) -> Identity:
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=application.numbers_with(record),
        name=application.name_by(record),
        birth_date=application.birth_date,
        sex=record.sex,
        phone=application.phone,
        email=application.email,
        source=f"carrier:{record.carrier}",
        reference=record.carrier,
        verified_at=now,
    )


def build(registry: SubscriberRegistry) -> Method:
    """The method, ready to use."""
    return Method(NAME, IAL.MEDIUM, registration=MobileRegistration(registry))
