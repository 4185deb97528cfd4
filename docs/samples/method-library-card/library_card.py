"""A sample method outside the provider: open an account with a city library's card.

``build`` is the entry point; the ports of the provider come in, a ``Method`` comes out. Nothing
in the provider changes: its tile, form and texts come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idp.authenticators import Ports, citizen_form
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
    Proofed,
    Refused,
    RegistrationOutcome,
    Reply,
)
from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.subjects import PhoneNumber, SubjectKind

FORM = AskFields(
    "register.library_card",
    (
        Field("username", FieldKind.ID_NUMBER),
        Field("full_name", FieldKind.NAME),
        Field("birth_date", FieldKind.BIRTH_DATE),
        Field("phone", FieldKind.PHONE),
        Field("library_card", FieldKind.TEXT),
    ),
    is_guarded=True,
)
READERS = {"TV-0001": "001072000136"}
"""Whose card is whose; a real method would ask the library over HTTP."""


@dataclass(frozen=True, slots=True)
class LibraryCard:
    """Form, look-up of the card, code to the phone."""

    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = True

    def start(self, subject: SubjectKind) -> Continue:
        del subject
        return Continue(FORM)

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        del state
        found = citizen_form.read(reply.values, now=now)
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        del reply
        return None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        match reply:
            case Filled(values):
                return self._find(values, now=now)
            case CodeConfirmed() if state:
                evidence = Evidence("library_card", IAL.MEDIUM, (Amr.SMS, Amr.OTP), now)
                return Proofed(identities.from_text(state), evidence)
            case _:
                return Refused("library_card_unknown")

    def _find(self, values: Mapping[str, str], *, now: datetime) -> RegistrationOutcome:
        typed = citizen_form.read(values, now=now)
        if isinstance(typed, Invalid):
            return typed
        card = values.get("library_card", "").strip().upper()
        if READERS.get(card) != typed.id_number.value:
            return Refused("library_card_unknown")
        identity = Identity(
            kind=SubjectKind.CITIZEN,
            id_numbers=(typed.id_number,),
            name=typed.name,
            birth_date=typed.birth_date,
            sex=None,
            phone=typed.phone,
            email=typed.email,
            source="library_card",
            reference=card,
            verified_at=now,
        )
        return Continue(AskCode(typed.phone), identities.to_text(identity), identity)


TEXTS = {
    "vi": {
        "method.library_card": "Thẻ thư viện",
        "register.library_card.title": "Thẻ thư viện",
        "register.library_card.submit": "Đăng ký",
        "field.library_card.label": "Số thẻ thư viện",
        "refusal.library_card_unknown": "Thẻ thư viện không khớp với thông tin đã nhập.",
        "source.library_card": "thư viện thành phố",
    },
    "en": {
        "method.library_card": "Library card",
        "register.library_card.title": "Library card",
        "register.library_card.submit": "Register",
        "field.library_card.label": "Number of the library card",
        "refusal.library_card_unknown": "The library card does not match what you typed.",
        "source.library_card": "city library",
    },
}


def build(ports: Ports) -> Method:
    """The entry point."""
    del ports
    return Method("library_card", IAL.MEDIUM, registration=LibraryCard(), texts=TEXTS)
