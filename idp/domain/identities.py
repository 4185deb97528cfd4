"""An identity as text and back, so that a journey in progress can keep it (sealed)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from idp.domain.accounts import Identity
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    PersonName,
    PhoneNumber,
    Sex,
    SubjectKind,
)


def to_text(identity: Identity) -> dict[str, str]:
    """The matched identity as text, so that the transaction can keep it."""
    return {
        "id_numbers": " ".join(number.value for number in identity.id_numbers),
        "name": identity.name.display,
        "birth_date": identity.birth_date.iso if identity.birth_date else "",
        "sex": identity.sex or "",
        "phone": identity.phone.e164 if identity.phone else "",
        "email": identity.email.value if identity.email else "",
        "source": identity.source,
        "reference": identity.reference,
        "verified_at": identity.verified_at.isoformat(),
    }


def from_text(text: Mapping[str, str]) -> Identity:
    """The inverse of ``to_text``."""
    return Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=tuple(IdNumber.parse(number) for number in text["id_numbers"].split()),
        name=PersonName.parse(text["name"]),
        birth_date=BirthDate.from_iso(text["birth_date"]) if text["birth_date"] else None,
        sex=Sex(text["sex"]) if text["sex"] else None,
        phone=PhoneNumber.parse(text["phone"]) if text["phone"] else None,
        email=EmailAddress.parse(text["email"]) if text["email"] else None,
        source=text["source"],
        reference=text["reference"],
        verified_at=datetime.fromisoformat(text["verified_at"]),
    )
