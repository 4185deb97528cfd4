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
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import InvalidInput
from idp.domain.subjects import IdNumber, PhoneNumber, SubjectKind
from idp.ports import PostalCounter

NAME = "vnpost"
FORM = AskFields(
    "register.vnpost",
    (Field("username", FieldKind.ID_NUMBER), Field("activation_code", FieldKind.TEXT)),
    is_guarded=True,
)


@dataclass(frozen=True, slots=True)
class PostalRegistration:
    """Number and activation code, code to the phone on record, password."""

    counter: PostalCounter
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = True

    def start(self, subject: SubjectKind) -> Continue:
        """Ask for the number and for the code on the slip."""
        del subject
        return Continue(FORM)

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """What cannot be read."""
        del state, now
        found = _read(reply.values)
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody: a code is counted where it is sent."""
        del reply
        return None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Find the clerk's record; the code proves that the phone is at hand."""
        match reply:
            case Filled(values):
                return self._find(values, now=now)
            case CodeConfirmed():
                amr = (Amr.SMS, Amr.OTP)
                evidence = Evidence(NAME, IAL.MEDIUM, amr, now, vouched_by=state["vouched_by"])
                return Proofed(identities.from_text(state), evidence, once=state["once"])
            case Signed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)

    def _find(self, values: Mapping[str, str], *, now: datetime) -> RegistrationOutcome:
        typed = _read(values)
        if isinstance(typed, Invalid):
            return typed
        number, code = typed
        record = self.counter.find_activation(code=code, id_number=number, now=now)
        if record is None or record.identity.phone is None:
            return Refused("activation_unknown")
        state = {
            **identities.to_text(record.identity),
            "vouched_by": f"{record.clerk} @ {record.post_office}",
            "once": f"vnpost {record.key}",
        }
        return Continue(AskCode(record.identity.phone), state, record.identity)


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
    return Method(NAME, IAL.MEDIUM, registration=PostalRegistration(counter))
