"""Which claims a scope gives, and what they are for one person."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from idp.domain.clients import Client, SubjectType
from idp.oidc.keys import b64
from idp.storage.grants import Fact, Subject

SCOPES: Final[dict[str, tuple[str, ...]]] = {
    "openid": ("sub",),
    "profile": ("name", "birthdate", "gender"),
    "phone": ("phone_number", "phone_number_verified"),
    "email": ("email", "email_verified"),
    "identity": ("id_number", "id_number_type", "account_kind"),
    "offline_access": (),
}
CLIENT_SCOPES: Final = ("ssf.manage", "ssf.read")
"""Scopes of what belongs to a client and to no person: its streams of security events."""
CLAIMS: Final = tuple(dict.fromkeys(name for names in SCOPES.values() for name in names))
_NOT_ASKED_FOR = frozenset({"phone_number_verified", "email_verified", "id_number_type", "sub"})


def asked(scope: Iterable[str], by_name: Iterable[str]) -> frozenset[str]:
    """The claims that a request is about."""
    from_scope = {name for item in scope for name in SCOPES.get(item, ())}
    return frozenset(from_scope | (set(by_name) & set(CLAIMS)))


_EXPLAINS: Final = {
    "phone_number_verified": "phone_number",
    "email_verified": "email",
    "id_number_type": "id_number",
}


def explained_by(name: str) -> str:
    """The claim that a person is asked about, for one that only says more about it."""
    return _EXPLAINS.get(name, name)


def consent_items(scope: Iterable[str], by_name: Iterable[str]) -> frozenset[str]:
    """What a person is asked about: claims in words, without those that only explain others."""
    items = asked(scope, by_name) - _NOT_ASKED_FOR
    return items | ({"offline_access"} if "offline_access" in set(scope) else frozenset())


def subject(client: Client, account_id: UUID, key: bytes) -> str:
    """``sub``: another one per sector, so that portals cannot compare notes (Core, 8.1)."""
    sector = client.sector if client.subject_type is SubjectType.PAIRWISE else ""
    message = f"{sector}|{account_id.hex}".encode()
    return b64(hmac.new(key, message, hashlib.sha256).digest())


def of_subject(found: Subject, wanted: frozenset[str]) -> dict[str, Any]:
    """The values of the wanted claims; what we do not know is left out (Core, 5.3.2)."""
    facts = {(fact.form, fact.name): fact for fact in found.facts}
    every = {
        **_profile(facts),
        **_contact(facts),
        **_number(facts),
        "account_kind": found.kind,
    }
    return {name: value for name, value in every.items() if name in wanted}


def _profile(facts: dict[tuple[str, str], Fact]) -> dict[str, Any]:
    names = {"name": "full_name", "birthdate": "birth_date", "gender": "sex"}
    return {
        claim: facts["attribute", name].value
        for claim, name in names.items()
        if ("attribute", name) in facts
    }


def _contact(facts: dict[tuple[str, str], Fact]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for claim, name in (("phone_number", "contact_phone"), ("email", "email")):
        fact = facts.get(("attribute", name))
        if fact:
            found |= {claim: fact.value, f"{claim}_verified": fact.source != "self"}
    return found


def _number(facts: dict[tuple[str, str], Fact]) -> dict[str, Any]:
    for kind in ("cccd", "cmnd", "passport", "foreigner", "mst", "mdv"):
        fact = facts.get(("identifier", kind))
        if fact:
            return {"id_number": fact.value, "id_number_type": kind}
    return {}
