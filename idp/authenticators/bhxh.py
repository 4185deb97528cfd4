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
from idp.authenticators.citizen_form import Reader
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
from idp.domain.subjects import InsuranceCode, SubjectKind
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
class Insurance:
    """Matched with the insurance record; the code goes to the typed number."""

    registry: SocialInsuranceRegistry
    form: AskFields = FORM

    def read(self, values: Mapping[str, str], *, now: datetime) -> Claim | Invalid:
        """Who the person is and what their code is."""
        return _read(values, now=now)

    def match(self, claim: Claim, *, now: datetime) -> RegistrationOutcome:
        """Ask the insurance for the record of the code."""
        if claim.application.is_under_age(now):
            return Refused(Refusal.UNDER_AGE)
        record = self.registry.find_insured(code=claim.code, request_id=uuid4())
        if record is None or not claim.application.agrees_with(record):
            return Refused("bhxh_mismatch")
        identity = _identity(claim, record, now=now)
        phone = claim.application.phone
        return Continue(AskCode(phone), identities.to_text(identity), identity)

    def prove(self, state: Mapping[str, str], *, now: datetime) -> Proofed:
        """By the record, and by the phone that is at hand."""
        evidence = Evidence(NAME, IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
        return Proofed(identities.from_text(state), evidence)


@dataclass(frozen=True, slots=True)
class Claim:
    """The form, read."""

    application: Application
    code: InsuranceCode


def _read(values: Mapping[str, str], *, now: datetime) -> Claim | Invalid:
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
    return Claim(application, code)


def _identity(claim: Claim, record: InsuredRecord, *, now: datetime) -> Identity:
    application = claim.application
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=application.numbers_with(record),
        name=application.name_by(record),
        birth_date=application.birth_date,
        sex=record.sex,
        phone=application.phone,
        email=application.email,
        source=NAME,
        reference=claim.code.value,
        verified_at=now,
        more={Attribute.INSURANCE_CODE: claim.code.value},
    )


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """Asked again about the insurance code that the account was opened with."""

    registry: SocialInsuranceRegistry
    mismatch: str = "refusal.reverify_bhxh"

    def knows(self, account: Account, facts: Mapping[Attribute, str]) -> bool:
        """The code, and a number, since the form of R21 has one."""
        return account.default_phone is not None and Attribute.INSURANCE_CODE in facts

    def find(self, application: Application, facts: Mapping[Attribute, str]) -> Vouched | None:
        """Whom the insurance knows by the code; what was typed is compared by who asks."""
        del application
        code = facts.get(Attribute.INSURANCE_CODE)
        if code is None:
            return None
        found = self.registry.find_insured(code=InsuranceCode(code), request_id=uuid4())
        return Vouched(found, found.sex, NAME, code) if found else None


def build(registry: SocialInsuranceRegistry) -> Method:
    """The method, ready to use."""
    return Method(
        NAME,
        IAL.MEDIUM,
        registration=CodedForm(Insurance(registry)),
        registry=OwnRecord(registry),
        attestation=Attestation(
            EvidenceKind.RECORD, "social_insurance_register", "Bảo hiểm xã hội Việt Nam"
        ),
    )
