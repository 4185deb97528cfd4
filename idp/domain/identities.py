"""An identity or credential as text and back, so that a journey can keep it (sealed)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from idp.domain.accounts import Attribute, Credential, Identity
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdKind,
    IdNumber,
    PersonName,
    PhoneNumber,
    Sex,
    SubjectKind,
)


def to_text(identity: Identity) -> dict[str, str]:
    """The matched identity as text, so that the transaction can keep it."""
    return {
        "kind": identity.kind,
        "id_numbers": _numbers(identity.id_numbers),
        "name": identity.name.display,
        "birth_date": identity.birth_date.iso if identity.birth_date else "",
        "sex": identity.sex or "",
        "phone": identity.phone.e164 if identity.phone else "",
        "email": identity.email.value if identity.email else "",
        "source": identity.source,
        "reference": identity.reference,
        "verified_at": identity.verified_at.isoformat(),
        "more": json.dumps(dict(identity.more)),
        "more_source": identity.more_source,
    }


def from_text(text: Mapping[str, str]) -> Identity:
    """The inverse of ``to_text``."""
    more = json.loads(text["more"])
    return Identity(
        kind=SubjectKind(text["kind"]),
        id_numbers=_read_numbers(text["id_numbers"]),
        name=PersonName(text["name"]),
        birth_date=BirthDate.from_iso(text["birth_date"]) if text["birth_date"] else None,
        sex=Sex(text["sex"]) if text["sex"] else None,
        phone=PhoneNumber.parse(text["phone"]) if text["phone"] else None,
        email=EmailAddress.parse(text["email"]) if text["email"] else None,
        source=text["source"],
        reference=text["reference"],
        verified_at=datetime.fromisoformat(text["verified_at"]),
        more={Attribute(name): value for name, value in more.items()},
        more_source=text.get("more_source", ""),
    )


def credential_to_text(credential: Credential) -> dict[str, str]:
    """The credential as text."""
    return {
        "method": credential.method,
        "key": credential.key,
        "issuer": credential.issuer,
        "numbers": _numbers(credential.numbers),
        "expires_at": credential.expires_at.isoformat() if credential.expires_at else "",
        "details": json.dumps(dict(credential.details)),
        "kept": json.dumps(dict(credential.kept)),
    }


def credential_from_text(text: Mapping[str, str]) -> Credential:
    """The inverse of ``credential_to_text``."""
    expires_at = text["expires_at"]
    return Credential(
        method=text["method"],
        key=text["key"],
        issuer=text["issuer"],
        numbers=_read_numbers(text["numbers"]),
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        details=json.loads(text["details"]),
        kept=json.loads(text.get("kept", "{}")),
    )


def _numbers(numbers: tuple[IdNumber, ...]) -> str:
    return " ".join(f"{number.kind}:{number.value}" for number in numbers)


def _read_numbers(text: str) -> tuple[IdNumber, ...]:
    pairs = (item.partition(":") for item in text.split())
    return tuple(IdNumber(IdKind(kind), value) for kind, _, value in pairs)
