"""Client metadata is checked as a whole, whenever it is registered or changed.

Types and values are those of ``Client`` (one declaration), the rules between them those of
``client_rules``; here are sizes, defaults, and the way from metadata to a client.
"""

from __future__ import annotations

import contextlib
import unicodedata
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from idp.domain.clients import (
    AuthMethod,
    Client,
    GrantType,
    Metadata,
    Profile,
    SigningAlg,
    SubjectType,
)
from idp.domain.errors import DomainError
from idp.oidc import client_rules, response_types
from idp.oidc.claims import CLIENT_SCOPES, SCOPES
from idp.oidc.client_addresses import Loopback, hosts_of, is_loopback
from idp.oidc.response_types import CODE_ONLY, Offered


class InvalidMetadata(DomainError):
    """Metadata that cannot be registered; ``code`` is RFC 7591's, ``detail`` is for developers."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.detail = detail

    def __str__(self) -> str:
        """Code and detail: developers read this, never citizens."""
        return f"{self.code}: {self.detail}"


_COMPUTED: Final = frozenset(
    {"sector", "secret_hash", "client_registration_types", "voucher", "is_stranger"}
)
KNOWN: Final = frozenset(Client.__struct_fields__) - _COMPUTED | {
    "client_secret",
    "client_secret_sha256",
}
"""The names that are kept; others are dropped (RFC 7591, 2)."""
_LONGEST, _MOST = 2000, 50


def check(metadata: Metadata, loopback: Loopback, among: Offered = CODE_ONLY) -> Metadata:
    """The metadata with defaults filled in; ``among`` are the installation's response types.

    Raises ``InvalidMetadata``.
    """
    found = {name: value for name, value in metadata.items() if name in KNOWN and value is not None}
    _check_sizes(found)
    _fill_in(found)
    client = _convert({"client_id": "new", **found})
    for fault in client_rules.faults(client, loopback, among):
        raise InvalidMetadata(fault.code, fault.detail)
    return found


def build(metadata: Metadata, secret_hash: bytes | None) -> Client:
    """The client of checked metadata."""
    sector = _sector(metadata)
    return _convert({**metadata, "sector": sector, "secret_hash": secret_hash})


def _check_sizes(found: Metadata) -> None:
    for name, value in found.items():
        items = value if isinstance(value, list) else [value]
        texts = [item for item in items if isinstance(item, str)]
        if len(items) > _MOST or any(len(text) > _LONGEST for text in texts):
            raise InvalidMetadata("invalid_client_metadata", f"{name} is too long")


def _fill_in(found: Metadata) -> None:
    """Defaults that depend on who asks: those of the specifications, or those of a profile."""
    _fill_in_name(found)
    found.setdefault("token_endpoint_auth_method", AuthMethod.BASIC.value)
    found.setdefault("grant_types", [GrantType.AUTHORIZATION_CODE.value])
    found["response_types"] = _normal(found.get("response_types", ["code"]))
    found.setdefault("subject_type", SubjectType.PAIRWISE.value)
    found.setdefault("scope", "openid")
    found.setdefault("redirect_uris", [])
    is_fapi2 = found.get("profile") == Profile.FAPI2
    if is_fapi2:
        found["require_pushed_authorization_requests"] = True
    # RS256 is what relying-party libraries expect when nobody said otherwise (OIDC Registration,
    # 2; JARM, 3; RFC 9701, 6).
    for name in ("id_token", "authorization", "introspection"):
        alg = SigningAlg.ES256 if is_fapi2 else SigningAlg.RS256
        found.setdefault(f"{name}_signed_response_alg", alg.value)
    for name in client_rules.ENCRYPTED:
        if f"{name}_encrypted_response_alg" in found:
            found.setdefault(f"{name}_encrypted_response_enc", "A128CBC-HS256")
    if "request_object_encryption_alg" in found:
        found.setdefault("request_object_encryption_enc", "A128CBC-HS256")


def _normal(kinds: Any) -> Any:  # noqa: ANN401  anything that was sent
    """Response types with their words in our order."""
    if not isinstance(kinds, list):
        return kinds
    return [response_types.normal(each) if isinstance(each, str) else each for each in kinds]


def _fill_in_name(found: Metadata) -> None:
    """A name in normal form; who has none is called by id, else by host.

    Without a name a portal's pages would look like ours.
    """
    name = found.get("client_name") or found.get("client_id") or _first_host(found)
    found["client_name"] = unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def _first_host(found: Metadata) -> str:
    uris = found.get("redirect_uris") or [found.get("jwks_uri")]
    first = uris[0] if isinstance(uris, list) and isinstance(uris[0], str) else ""
    with contextlib.suppress(ValueError):
        return urlsplit(first).hostname or "client"
    return "client"


def _convert(found: Metadata) -> Client:
    texts = {
        name: value
        for name, value in found.items()
        if name in Client.__struct_fields__ and name != "scope"
    }
    scope = found.get("scope", "")
    if not isinstance(scope, str):
        raise InvalidMetadata("invalid_client_metadata", "scope has the wrong type")
    scopes = frozenset(scope.split()) & {*SCOPES, *CLIENT_SCOPES}
    try:
        client = msgspec.convert({**texts, "scope": scopes}, Client)
    except msgspec.ValidationError as error:
        raise InvalidMetadata("invalid_client_metadata", str(error).replace("$.", "")) from error
    return client


def _sector(found: Metadata) -> str:
    """The host that pairwise subjects are for (OpenID Connect Core, 8.1).

    A program on the person's own machine or phone has no host that would be anybody's: two of them
    must not be able to compare notes, so each is a sector of its own.
    """
    if found.get("sector_identifier_uri"):
        return urlsplit(found["sector_identifier_uri"]).hostname or ""
    hosts = sorted(hosts_of(found.get("redirect_uris", [])))
    is_of_somebody = bool(hosts) and bool(hosts[0]) and not is_loopback(hosts[0])
    return hosts[0] if is_of_somebody else str(found.get("client_id", ""))
