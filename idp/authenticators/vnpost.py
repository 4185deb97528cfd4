"""An account issued at a post office (R40, S1). Proves level 2.

A clerk saw the card and recorded what it says; the person activates with the code on the slip, a
code by SMS to the phone that the clerk wrote down, and a password. The evidence names the clerk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

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
    Refused,
    RegistrationOutcome,
)
from idp.domain import identities
from idp.domain.assurance import IAL, Amr, Attestation, Evidence, EvidenceKind
from idp.domain.errors import InvalidInput
from idp.domain.subjects import IdNumber
from idp.ports import Lapsed, PostalCounter

NAME = "vnpost"
FORM = AskFields(
    "register.vnpost",
    (Field("username", FieldKind.ID_NUMBER), Field("activation_code", FieldKind.TEXT)),
    is_guarded=True,
)


@dataclass(frozen=True, slots=True)
class Activation:
    """Number and code on the slip; the other code goes to the phone that the clerk wrote down."""

    counter: PostalCounter
    form: AskFields = FORM

    def read(self, values: Mapping[str, str], *, now: datetime) -> tuple[IdNumber, str] | Invalid:
        """The number and the code on the slip."""
        del now
        return _read(values)

    def match(self, claim: tuple[IdNumber, str], *, now: datetime) -> RegistrationOutcome:
        """Find the clerk's record."""
        number, code = claim
        record = self.counter.find_activation(code=code, id_number=number, now=now)
        if isinstance(record, Lapsed):
            return Refused(f"activation_{record}")
        if record is None or record.identity.phone is None:
            return Refused("activation_unknown")
        state = {
            **identities.to_text(record.identity),
            "vouched_by": f"{record.clerk} @ {record.post_office}",
            "once": record.key,
        }
        return Continue(AskCode(record.identity.phone), state, record.identity)

    def prove(self, state: Mapping[str, str], *, now: datetime) -> Proofed | Refused:
        """By the clerk who saw the card, and by the phone that is at hand."""
        if self.counter.is_replaced(state["once"]):
            return Refused("activation_replaced")
        amr = (Amr.SMS, Amr.OTP)
        evidence = Evidence(NAME, IAL.MEDIUM, amr, now, vouched_by=state["vouched_by"])
        return Proofed(identities.from_text(state), evidence, once=state["once"])


def _read(values: Mapping[str, str]) -> tuple[IdNumber, str] | Invalid:
    reader = Reader(values)
    number = reader.read("username", IdNumber.parse)
    code = reader.read("activation_code", _code)
    if number is None or code is None:
        return Invalid(reader.errors)
    return number, code


def _code(text: str) -> str:
    """Ten letters and digits, as printed: groups and case do not matter."""
    typed = re.sub(r"[\s\-]", "", text).upper()
    if not re.fullmatch(r"[A-Z2-9]{10}", typed):
        raise InvalidInput("activation.form")
    return typed


def build(counter: PostalCounter) -> Method:
    """The method, ready to use."""
    return Method(
        NAME,
        IAL.MEDIUM,
        registration=CodedForm(Activation(counter)),
        attestation=Attestation(EvidenceKind.VOUCH, organization="VNPost"),
        is_issued=True,
    )
