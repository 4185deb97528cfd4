"""Client metadata (RFC 7591; OpenID Connect Registration, 2): checked once, when registered."""

from __future__ import annotations

import enum
import hashlib
import secrets
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from idp.domain.clients import AuthMethod, Client, GrantType, Metadata, SubjectType
from idp.domain.errors import DomainError
from idp.oidc.claims import SCOPES
from idp.oidc.keys import ALGORITHMS
from idp.storage.clients import StoredClient


class Loopback(enum.Enum):
    """Whether redirect URIs may be http on this machine: demonstration and tests only."""

    REFUSED = "refused"
    ALLOWED = "allowed"


class InvalidMetadata(DomainError):
    """Metadata that cannot be registered; ``code`` is RFC 7591's, ``detail`` is for developers."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.detail = detail

    def __str__(self) -> str:
        """Code and detail: developers read this, never citizens."""
        return f"{self.code}: {self.detail}"


_URIS: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "sector_identifier_uri")
_LISTS: Final = (
    "redirect_uris",
    "post_logout_redirect_uris",
    "grant_types",
    "response_types",
    "default_acr_values",
    "contacts",
)
_TEXTS: Final = (
    "client_id",
    "client_name",
    "client_secret",
    "client_secret_sha256",
    "token_endpoint_auth_method",
    "scope",
    "subject_type",
    "application_type",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    *_URIS,
)
_OTHERS: Final = ("require_pkce", "default_max_age", "require_auth_time")
KNOWN: Final = frozenset((*_LISTS, *_TEXTS, *_OTHERS))
_LONGEST = 2000


def check(metadata: Metadata, loopback: Loopback) -> Metadata:
    """The metadata with defaults filled in; unknown names are dropped (RFC 7591, 2).

    Raises ``InvalidMetadata``.
    """
    found = {name: value for name, value in metadata.items() if name in KNOWN and value is not None}
    _check_types(found)
    found.setdefault("token_endpoint_auth_method", AuthMethod.BASIC.value)
    found.setdefault("grant_types", [GrantType.AUTHORIZATION_CODE.value])
    found.setdefault("response_types", ["code"])
    found.setdefault("subject_type", SubjectType.PAIRWISE.value)
    # What relying-party libraries expect when nobody said otherwise (OIDC Registration, 2).
    found.setdefault("id_token_signed_response_alg", "RS256")
    found.setdefault("scope", "openid")
    found.setdefault("redirect_uris", [])
    _check_choices(found)
    _check_uris(found, loopback)
    return found


def _check_types(found: Metadata) -> None:
    for name, value in found.items():
        if name in _LISTS:
            right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif name in _TEXTS:
            right = isinstance(value, str) and len(value) <= _LONGEST
        elif name == "default_max_age":
            right = type(value) is int and value >= 0
        else:
            right = type(value) is bool
        if not right:
            raise InvalidMetadata("invalid_client_metadata", f"{name} has the wrong type")


def _check_choices(found: Metadata) -> None:
    choices: dict[str, tuple[Iterable[str], set[str]]] = {
        "token_endpoint_auth_method": ([found["token_endpoint_auth_method"]], set(AuthMethod)),
        "grant_types": (found["grant_types"], set(GrantType)),
        "response_types": (found["response_types"], {"code"}),
        "subject_type": ([found["subject_type"]], set(SubjectType)),
        "id_token_signed_response_alg": (
            [found["id_token_signed_response_alg"]],
            set(ALGORITHMS),
        ),
    }
    if "userinfo_signed_response_alg" in found:
        signed = [found["userinfo_signed_response_alg"]]
        choices["userinfo_signed_response_alg"] = (signed, set(ALGORITHMS))
    for name, (values, known) in choices.items():
        unknown = sorted(set(values) - known)
        if unknown:
            detail = f"{name}: {unknown[0]!r} is not one of {', '.join(sorted(known))}"
            raise InvalidMetadata("invalid_client_metadata", detail)
    if found["token_endpoint_auth_method"] == AuthMethod.NONE:
        if GrantType.CLIENT_CREDENTIALS in found["grant_types"]:
            detail = "client_credentials needs a client that can authenticate"
            raise InvalidMetadata("invalid_client_metadata", detail)
        if found.get("require_pkce") is False:
            raise InvalidMetadata("invalid_client_metadata", "a public client needs PKCE")


def _check_uris(found: Metadata, loopback: Loopback) -> None:
    if GrantType.AUTHORIZATION_CODE in found["grant_types"] and not found["redirect_uris"]:
        raise InvalidMetadata("invalid_redirect_uri", "redirect_uris is missing")
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in found.get(name, []):
            fault = _fault_of_uri(uri, loopback)
            if fault:
                raise InvalidMetadata("invalid_redirect_uri", f"{name}: {uri!r} {fault}")
    for name in _URIS:
        if found.get(name) and urlsplit(found[name]).scheme != "https":
            raise InvalidMetadata("invalid_client_metadata", f"{name} must be https")
    _sector(found)


def _fault_of_uri(uri: str, loopback: Loopback) -> str | None:  # noqa: PLR0911  one per fault
    if not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri:
        return "has characters that a URI cannot have"
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        parts.port  # noqa: B018  raises for a port that is none
    except ValueError:
        return "is no URI"
    if "#" in uri:
        return "has a fragment"
    if parts.username is not None or not host:
        return "needs a host and no user name"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http" and loopback is Loopback.ALLOWED and _is_loopback(host):
        return None
    return "must be https"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sector(found: Metadata) -> str:
    """The host that pairwise subjects are for (OpenID Connect Core, 8.1)."""
    if found.get("sector_identifier_uri"):
        return urlsplit(found["sector_identifier_uri"]).hostname or ""
    hosts = sorted({urlsplit(uri).hostname or "" for uri in found["redirect_uris"]})
    if len(hosts) > 1 and found["subject_type"] == SubjectType.PAIRWISE:
        detail = "redirect_uris have several hosts: sector_identifier_uri is needed"
        raise InvalidMetadata("invalid_client_metadata", detail)
    return hosts[0] if hosts else ""


def build(metadata: Metadata, secret_hash: bytes | None) -> Client:
    """The client of checked metadata."""
    return Client(
        client_id=metadata["client_id"],
        client_name=metadata.get("client_name") or metadata["client_id"],
        redirect_uris=tuple(metadata["redirect_uris"]),
        sector=_sector(metadata),
        token_endpoint_auth_method=AuthMethod(metadata["token_endpoint_auth_method"]),
        grant_types=frozenset(map(GrantType, metadata["grant_types"])),
        scope=frozenset(metadata["scope"].split()) & set(SCOPES),
        subject_type=SubjectType(metadata["subject_type"]),
        id_token_signed_response_alg=metadata["id_token_signed_response_alg"],
        userinfo_signed_response_alg=metadata.get("userinfo_signed_response_alg"),
        post_logout_redirect_uris=tuple(metadata.get("post_logout_redirect_uris", ())),
        require_pkce=metadata.get("require_pkce", True),
        default_max_age=metadata.get("default_max_age"),
        default_acr_values=tuple(metadata.get("default_acr_values", ())),
        client_uri=metadata.get("client_uri", ""),
        logo_uri=metadata.get("logo_uri", ""),
        policy_uri=metadata.get("policy_uri", ""),
        tos_uri=metadata.get("tos_uri", ""),
        secret_hash=secret_hash,
    )


def new_client(
    metadata: Metadata, loopback: Loopback, *, source: str, issued_at: int
) -> tuple[StoredClient, Metadata]:
    """A client to store, and the answer of RFC 7591, section 3.2.1. A given id and secret stay."""
    found = check(metadata, loopback)
    if "scope" not in metadata:
        found["scope"] = " ".join(SCOPES)
    client_id = found.setdefault("client_id", secrets.token_hex(16))
    secret = found.pop("client_secret", None) or secrets.token_urlsafe(32)
    found.pop("client_secret_sha256", None)
    answer: Metadata = {**found, "client_id_issued_at": issued_at}
    if found["token_endpoint_auth_method"] == AuthMethod.NONE:
        return StoredClient(client_id, found, None, source), answer
    digest = hashlib.sha256(secret.encode()).digest()
    answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return StoredClient(client_id, found, digest, source), answer


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``idp clients apply`` would do."""

    add: tuple[StoredClient, ...]
    change: tuple[StoredClient, ...]
    remove: tuple[str, ...]


FROM_FILE: Final = "file"


def plan(folder: Path, stored: Sequence[StoredClient], loopback: Loopback) -> Plan:
    """Compare ``clients/*.toml`` with the database; clients from elsewhere are left alone."""
    wanted = {client.client_id: client for client in _read_folder(folder, loopback)}
    known = {client.client_id: client for client in stored}
    taken = [name for name in wanted if name in known and known[name].source != FROM_FILE]
    if taken:
        detail = f"{taken[0]} was registered in another way"
        raise InvalidMetadata("invalid_client_metadata", detail)
    return Plan(
        tuple(client for name, client in wanted.items() if name not in known),
        tuple(client for name, client in wanted.items() if known.get(name, client) != client),
        tuple(
            name
            for name, client in known.items()
            if client.source == FROM_FILE and name not in wanted
        ),
    )


def _read_folder(folder: Path, loopback: Loopback) -> list[StoredClient]:
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(_read_file(path, loopback))
        except (InvalidMetadata, tomllib.TOMLDecodeError, ValueError) as error:
            raise InvalidMetadata("invalid_client_metadata", f"{path.name}: {error}") from error
    return found


def _read_file(path: Path, loopback: Loopback) -> StoredClient:
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(set(data) - KNOWN)
    if unknown:
        raise InvalidMetadata("invalid_client_metadata", f"unknown name {unknown[0]!r}")
    if "client_secret" in data:
        raise InvalidMetadata("invalid_client_metadata", "no secret belongs into a file")
    digest = data.pop("client_secret_sha256", None)
    metadata = check({"client_id": path.stem, **data}, loopback)
    secret_hash = bytes.fromhex(digest) if digest else None
    if (secret_hash is None) != (metadata["token_endpoint_auth_method"] == AuthMethod.NONE):
        detail = "client_secret_sha256 goes with every method but none"
        raise InvalidMetadata("invalid_client_metadata", detail)
    return StoredClient(metadata["client_id"], metadata, secret_hash, FROM_FILE)
