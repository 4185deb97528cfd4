"""Which claims a scope gives, and what they are for one person (OpenID Connect Core, 5.1, 5.4).

A claim is what a source or the owner said, never what we make of it: given_name, family_name and
middle_name are not offered, since a Vietnamese name as registers write it does not tell where họ,
đệm and tên part (Âu Dương, Tôn Nữ, H'Hen Niê), and no source gives the parts.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from idp.domain.clients import Client, SubjectType
from idp.oidc.keys import b64
from idp.storage.grants import Fact, Subject

SCOPES: Final[dict[str, tuple[str, ...]]] = {
    "openid": ("sub",),
    "profile": ("name", "birthdate", "gender", "locale", "updated_at"),
    "phone": ("phone_number", "phone_number_verified"),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "identity": ("id_number", "id_number_type", "account_kind"),
    "organization": ("tax_code", "agency_code", "parent_agency", "representative"),
    "offline_access": (),
}
CLIENT_SCOPES: Final = ("ssf.manage", "ssf.read", "techid.lookup")
"""Scopes of a client's own tokens (RFC 6749, 4.4); no person can grant them."""

_BY_NAME_ONLY: Final = ("insurance_code",)
CLAIMS: Final = (
    *dict.fromkeys(name for names in SCOPES.values() for name in names),
    *_BY_NAME_ONLY,
)
IN_VIETNAMESE: Final = frozenset({"name", "address", "parent_agency", "representative"})
"""Claims for people to read: what can be asked for with a language (Core, 5.2)."""

_ITEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "sub": (),
    "locale": (),
    "updated_at": (),
    "phone_number_verified": ("phone_number",),
    "email_verified": ("email",),
    "id_number_type": ("id_number",),
    **dict.fromkeys(SCOPES["organization"], ("organization",)),
}
"""What the consent page says for a claim, where that is not the claim's own name."""

ITEMS: Final = (
    "name",
    "birthdate",
    "gender",
    "id_number",
    "phone_number",
    "email",
    "address",
    "insurance_code",
    "account_kind",
    "organization",
    "verified_claims",
    "offline_access",
)
"""Everything that a consent page can list, in its order."""


@functools.lru_cache(maxsize=1024)  # portals ask for the same again and again
def asked(scope: tuple[str, ...], by_name: tuple[str, ...]) -> frozenset[str]:
    """The claims that a request is about."""
    from_scope = {name for item in scope for name in SCOPES.get(item, ())}
    return frozenset(from_scope | (set(by_name) & set(CLAIMS)))


_EXPLAINS: Final = {
    "phone_number_verified": "phone_number",
    "email_verified": "email",
    "id_number_type": "id_number",
    **dict.fromkeys(SCOPES["organization"], "organization"),
}


def explained_by(name: str) -> str:
    """What a person is asked about, for a claim that only says more about it."""
    return _EXPLAINS.get(name, name)


@functools.lru_cache(maxsize=1024)
def consent_items(scope: tuple[str, ...], names: tuple[str, ...]) -> frozenset[str]:
    """What a person is asked about: claims in words, without those that only explain others."""
    items = {item for name in asked(scope, names) for item in _ITEMS.get(name, (name,))}
    more = {"offline_access"} & set(scope) | {"verified_claims"} & set(names)
    return frozenset(items | more)


def subject(client: Client, account_id: UUID, key: bytes) -> str:
    """``sub``: another one per sector, so that portals cannot compare notes (Core, 8.1)."""
    sector = client.sector if client.subject_type is SubjectType.PAIRWISE else ""
    message = f"{sector}|{account_id.hex}".encode()
    return b64(hmac.digest(key, message, "sha256"))


def of_subject(found: Subject, wanted: frozenset[str]) -> dict[str, Any]:
    """The values of the wanted claims; what we do not know is left out (Core, 5.3.2)."""
    facts = {(fact.form, fact.name): fact for fact in found.facts}
    every = {
        claim: facts[place].value
        for claim, place in _PLAIN.items()
        if claim in wanted and place in facts
    }
    for names, values in _TOGETHER:
        if not wanted.isdisjoint(names):
            known = values(found, facts)
            every |= {name: value for name, value in known.items() if name in wanted}
    return every


_PLAIN: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("attribute", "full_name"),
    "birthdate": ("attribute", "birth_date"),
    "gender": ("attribute", "sex"),
    "insurance_code": ("attribute", "insurance_code"),
    "parent_agency": ("attribute", "parent_agency"),
    "representative": ("attribute", "representative"),
    "tax_code": ("identifier", "mst"),
    "agency_code": ("identifier", "mdv"),
}


_Facts = Mapping[tuple[str, str], Fact]


def _account(found: Subject, _: _Facts) -> dict[str, Any]:
    return {"account_kind": found.kind, "locale": found.language}


def _contact(_: Subject, facts: _Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for claim, name in (("phone_number", "contact_phone"), ("email", "email")):
        fact = facts.get(("attribute", name))
        if fact:
            found |= {claim: fact.value, f"{claim}_verified": fact.source != "self"}
    return found


def _address(_: Subject, facts: _Facts) -> dict[str, Any]:
    """One line as its source wrote it; we do not guess its parts (Core, 5.1.1)."""
    for name in ("residence", "address", "contact_address"):
        fact = facts.get(("attribute", name))
        if fact:
            return {"address": {"formatted": fact.value}}
    return {}


def _number(_: Subject, facts: _Facts) -> dict[str, Any]:
    for kind in ("cccd", "cmnd", "passport", "foreigner", "mst", "mdv"):
        fact = facts.get(("identifier", kind))
        if fact:
            return {"id_number": fact.value, "id_number_type": kind}
    return {}


def _updated(found: Subject, _: _Facts) -> dict[str, Any]:
    """When the newest of the facts was learned, in seconds."""
    newest = max((fact.at for fact in found.facts), default=None)
    return {} if newest is None else {"updated_at": int(newest.timestamp())}


_TOGETHER: Final[tuple[tuple[frozenset[str], Callable[[Subject, _Facts], dict[str, Any]]], ...]] = (
    (frozenset({"phone_number", "phone_number_verified", "email", "email_verified"}), _contact),
    (frozenset({"address"}), _address),
    (frozenset({"id_number", "id_number_type"}), _number),
    (frozenset({"account_kind", "locale"}), _account),
    (frozenset({"updated_at"}), _updated),
)
"""Claims that are found together; what nobody asked for is not looked for."""
