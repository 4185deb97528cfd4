"""Entity statements: what an entity says about itself, and a superior about it (section 3).

The checks of section 3.2 that one statement can answer alone; who may vouch for whom is decided in
``chains``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.jwk import KeySet

from idp.oidc.client_addresses import Loopback
from idp.oidc.federation import jws
from idp.oidc.federation.errors import broken
from idp.oidc.keys import unb64

TYP: Final = "entity-statement+jwt"
CONTENT_TYPE: Final = "application/entity-statement+jwt"
SKEW_SECONDS: Final = 60
_LONGEST_ID, _MOST_HINTS, _MOST_MARKS = 1024, 50, 50
_OURSELVES_ONLY: Final = frozenset(
    {"authority_hints", "trust_anchor_hints", "trust_marks", "trust_mark_issuers",
     "trust_mark_owners"}
)  # fmt: skip
_OTHERS_ONLY: Final = frozenset(
    {"metadata_policy", "metadata_policy_crit", "constraints", "source_endpoint"}
)
_REGISTRATION_ONLY: Final = frozenset({"aud", "trust_anchor"})
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose form holds; its signature is checked by whoever knows the keys."""

    unverified: jws.Unverified
    iss: str
    sub: str
    exp: int
    keys: KeySet
    metadata: Mapping[str, Mapping[str, Any]]

    @property
    def claims(self) -> jws.Json:
        """Everything it says."""
        return self.unverified.claims

    @property
    def is_configuration(self) -> bool:
        """Whether an entity speaks about itself."""
        return self.iss == self.sub

    @property
    def authority_hints(self) -> tuple[str, ...]:
        """The superiors that it names; they decide whether that is true."""
        return tuple(self.claims.get("authority_hints", ()))

    def verify(self, keys: KeySet) -> None:
        """Check the signature. Raises ``FederationError``."""
        jws.verify(self.unverified, keys)


def read(token: object, *, now: int, aud: str | None = None) -> Statement:
    """A statement of the right form and time (section 3.2). Raises ``FederationError``.

    ``aud`` is for whom an explicit registration must be; other statements have none.
    """
    found = jws.read(token, TYP)
    if aud is None and found.header.keys() & {"trust_chain", "peer_trust_chain"}:
        # Part of a chain carries no chain (section 4.3), except in explicit registration.
        raise broken("a statement carries no trust_chain")
    iss, sub = found.text("iss"), found.text("sub")
    exp = check_time(found, now=now)
    _check_claims(found.claims, is_configuration=iss == sub, aud=aud)
    keys = jws.key_set(found.claims.get("jwks"))
    return Statement(found, iss, sub, exp, keys, _metadata(found.claims.get("metadata", {})))


def check_time(found: jws.Unverified, *, now: int) -> int:
    """Whether it is valid now; answers until when. Raises ``FederationError``."""
    issued, exp = found.moment("iat"), found.moment("exp")
    if issued > now + SKEW_SECONDS:
        raise broken("iat is in the future")
    if exp <= now - SKEW_SECONDS:
        raise broken("it has expired")
    return exp


def is_entity_id(text: object, loopback: Loopback) -> bool:
    """Whether it is an entity identifier (section 1.2): https, a host, no query, no fragment."""
    if not isinstance(text, str) or not text.startswith(("https://", "http://")):
        return False
    if len(text) > _LONGEST_ID or not text.isascii() or not text.isprintable():
        return False
    if any(sign in text for sign in ' \\"<>?#@'):
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_local = loopback is Loopback.ALLOWED and host in _LOCAL
    return bool(host) and (parts.scheme == "https" or is_local)


def configuration_url(entity_id: str) -> str:
    """Where an entity speaks about itself (section 9)."""
    return f"{entity_id.rstrip('/')}/.well-known/openid-federation"


def _check_claims(claims: jws.Json, *, is_configuration: bool, aud: str | None) -> None:
    wrong = _OTHERS_ONLY if is_configuration else _OURSELVES_ONLY
    for name in sorted(wrong & claims.keys()):
        raise broken(f"{name} does not belong here")
    if aud is not None and claims.get("aud") != aud:
        raise broken("aud must be this provider alone")
    if (_REGISTRATION_ONLY & claims.keys()) - ({"aud"} if aud is not None else set()):
        raise broken("aud and trust_anchor belong to explicit registration")
    if "crit" in claims:
        # We understand the claims of the specification, which may not be listed (3.1.1).
        raise broken("crit names a claim that is not understood")
    for name in ("authority_hints", "trust_anchor_hints"):
        if name in claims and not _is_list_of_texts(claims[name], _MOST_HINTS):
            raise broken(f"{name} is no list of entities")
    if "trust_marks" in claims:
        _check_marks(claims["trust_marks"])
    _check_objects(claims)


def _check_objects(claims: jws.Json) -> None:
    for name in ("metadata_policy", "constraints", "trust_mark_issuers", "trust_mark_owners"):
        if not isinstance(claims.get(name, {}), dict):
            raise broken(f"{name} is no object")
    for issuers in claims.get("trust_mark_issuers", {}).values():
        if not isinstance(issuers, list) or not all(isinstance(each, str) for each in issuers):
            raise broken("trust_mark_issuers is no list of entities")
    crit = claims.get("metadata_policy_crit")
    if "metadata_policy_crit" in claims and not _is_list_of_texts(crit, _MOST_HINTS):
        raise broken("metadata_policy_crit is no list of operators")


def _check_marks(marks: object) -> None:
    if not isinstance(marks, list) or len(marks) > _MOST_MARKS:
        raise broken("trust_marks is no list")
    for mark in marks:
        kind = mark.get("trust_mark_type") if isinstance(mark, dict) else None
        token = mark.get("trust_mark") if isinstance(mark, dict) else None
        if not isinstance(kind, str) or not isinstance(token, str):
            raise broken("a trust mark has no type or no JWT")
        try:
            inner = jws.strict_json(unb64(token.split(".")[1])) if "." in token else {}
        except ValueError:
            inner = {}
        if inner.get("trust_mark_type") != kind:
            raise broken("a trust mark has another type than it says")


def _metadata(value: object) -> Mapping[str, Mapping[str, Any]]:
    """Entity types with their parameters; none of them null (section 3.2)."""
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        raise broken("metadata is no object of objects")
    if any(parameter is None for each in value.values() for parameter in each.values()):
        raise broken("metadata has a null")
    return value


def _is_list_of_texts(value: object, most: int) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= most
        and all(isinstance(each, str) and each for each in value)
    )
