"""Open an account with a social-insurance code (R21-R24). Proves level 2.

The insurance record of the code must have the same id number, name and birth date before any
message is sent. Whether there is an account already is asked for the numbers of that record, not
for the typed one (R22).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from idp.authenticators import citizen_form
from idp.authenticators.citizen_form import Application, Reader
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
from idp.domain.accounts import Attribute, Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.subjects import InsuranceCode, PhoneNumber, SubjectKind
from idp.ports import InsuredRecord, SocialInsuranceRegistry

NAME = "bhxh"
FORM = AskFields(
    "register.bhxh",
    (
        Field("username", FieldKind.ID_NUMBER),
        Field("insurance_code", FieldKind.TEXT),
        Field("full_name", FieldKind.NAME),
        Field("birth_date", FieldKind.BIRTH_DATE),
        Field("phone", FieldKind.PHONE),
        Field("email", FieldKind.EMAIL, required=False),
    ),
    is_guarded=True,
)


@dataclass(frozen=True, slots=True)
class InsuranceRegistration:
    """Form, match with the insurance record, code to the typed number."""

    registry: SocialInsuranceRegistry
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = True

    def start(self, subject: SubjectKind) -> Continue:
        """Ask who the person is and what their code is."""
        del subject
        return Continue(FORM)

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """What cannot be read, and what contradicts itself."""
        del state
        found = _read(reply.values, now=now)
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody: a code is counted where it is sent."""
        del reply
        return None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Match with the record first; the code proves that the phone is at hand."""
        match reply:
            case Filled(values):
                claim = _read(values, now=now)
                return claim if isinstance(claim, Invalid) else self._match(claim, now=now)
            case CodeConfirmed():
                identity = identities.from_text(state)
                evidence = Evidence(NAME, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
                return Proofed(identity, evidence)
            case Signed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)

    def _match(self, claim: _Claim, *, now: datetime) -> RegistrationOutcome:
        if claim.application.is_under_age(now):
            return Refused(Refusal.UNDER_AGE)
        record = self.registry.find_insured(code=claim.code, request_id=uuid4())
        if record is None or not claim.application.agrees_with(record):
            return Refused("bhxh_mismatch")
        identity = _identity(claim, record, now=now)
        phone = claim.application.phone
        return Continue(AskCode(phone), identities.to_text(identity), identity)


@dataclass(frozen=True, slots=True)
class _Claim:
    application: Application
    code: InsuranceCode


def _read(values: Mapping[str, str], *, now: datetime) -> _Claim | Invalid:
    """Read the form; a 12-digit code is the person's own number (formats B.4)."""
    reader = Reader(values)
    code = reader.read("insurance_code", InsuranceCode.parse)
    application = citizen_form.read(values, now=now)
    if isinstance(application, Invalid):
        return Invalid({**application.errors, **reader.errors})
    if code is None:
        return Invalid(reader.errors)
    if len(code.value) == len("001072000136") and code.value != application.id_number.value:
        return Invalid({"insurance_code": "insurance.other_number"})
    return _Claim(application, code)


def _identity(claim: _Claim, record: InsuredRecord, *, now: datetime) -> Identity:
    application = claim.application
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=application.numbers_with(record),
        name=application.name_by(record),
        birth_date=application.birth_date,
        sex=record.sex,
        phone=application.phone,
        email=application.email,
        source="bhxh",
        reference=claim.code.value,
        verified_at=now,
        more={Attribute.INSURANCE_CODE: claim.code.value},
    )


def build(registry: SocialInsuranceRegistry) -> Method:
    """The method, ready to use."""
    return Method(NAME, IAL.MEDIUM, registration=InsuranceRegistration(registry))
