"""Client metadata is checked as a whole, whenever it is registered or changed.

Types and values are those of ``Client`` (one declaration); here are the rules between them:
addresses (RFC 9700, 4.1), sectors (OpenID Connect Core, 8.1), keys, and what each profile demands.
"""

from __future__ import annotations

import contextlib
import enum
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from idp.domain import shown
from idp.domain.clients import (
    ApplicationType,
    AuthMethod,
    Client,
    GrantType,
    Metadata,
    Profile,
    SigningAlg,
    SubjectType,
)
from idp.domain.errors import DomainError
from idp.oidc.claims import CLIENT_SCOPES, SCOPES
from idp.oidc.client_keys import has_texts, is_strong


class Loopback(enum.Enum):
    """Whether addresses may be http on this machine: demonstration and tests only."""

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


_COMPUTED: Final = frozenset(
    {"sector", "secret_hash", "client_registration_types", "voucher", "is_stranger"}
)
KNOWN: Final = frozenset(Client.__struct_fields__) - _COMPUTED | {
    "client_secret",
    "client_secret_sha256",
}
"""The names that are kept; others are dropped (RFC 7591, 2)."""

_LONGEST, _MOST, _MOST_KEYS = 2000, 50, 20
_LEAST_RSA = 341
"""Characters of the modulus of a key of 2048 bits."""
_SHOWN_URIS: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_CALLED_URIS: Final = (
    "jwks_uri",
    "sector_identifier_uri",
    "backchannel_logout_uri",
    "backchannel_client_notification_endpoint",
)
_VISITED_URIS: Final = ("frontchannel_logout_uri", "initiate_login_uri")
_TLS_NAMES: Final = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
_SAFE_ALGS: Final = frozenset({SigningAlg.ES256, SigningAlg.PS256, SigningAlg.EDDSA})
_SAFE_AUTH: Final = frozenset(
    {AuthMethod.PRIVATE_KEY_JWT, AuthMethod.TLS, AuthMethod.SELF_SIGNED_TLS}
)


def check(metadata: Metadata, loopback: Loopback) -> Metadata:
    """The metadata with defaults filled in. Raises ``InvalidMetadata``."""
    found = {name: value for name, value in metadata.items() if name in KNOWN and value is not None}
    _check_sizes(found)
    _fill_in(found)
    client = _convert({"client_id": "new", **found})
    for fault in _faults(client, loopback):
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
    found.setdefault("response_types", ["code"])
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
    for name in _ENCRYPTED:
        if f"{name}_encrypted_response_alg" in found:
            found.setdefault(f"{name}_encrypted_response_enc", "A128CBC-HS256")
    if "request_object_encryption_alg" in found:
        found.setdefault("request_object_encryption_enc", "A128CBC-HS256")


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


# --- rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fault:
    code: str
    detail: str


def _faults(client: Client, loopback: Loopback) -> Iterator[_Fault]:
    yield from _faults_of_redirects(client, loopback)
    yield from _faults_of_uris(client, loopback)
    for detail in (
        *_faults_of_name(client),
        *_faults_of_authentication(client),
        *_faults_of_keys(client),
        *_faults_of_encryption(client),
        *_faults_of_times(client),
        *_faults_of_resources(client),
        *_faults_of_sector(client),
        *_faults_of_profile(client),
    ):
        yield _Fault("invalid_client_metadata", detail)


def _faults_of_redirects(client: Client, loopback: Loopback) -> Iterator[_Fault]:
    if GrantType.AUTHORIZATION_CODE in client.grant_types and not client.redirect_uris:
        yield _Fault("invalid_redirect_uri", "redirect_uris is missing")
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, name):
            fault = _fault_of_uri(uri, loopback, client.application_type)
            if fault:
                yield _Fault("invalid_redirect_uri", f"{name}: {uri!r} {fault}")


def _faults_of_uris(client: Client, loopback: Loopback) -> Iterator[_Fault]:
    for name in (*_CALLED_URIS, *_VISITED_URIS):
        uri = getattr(client, name)
        fault = _fault_of_uri(uri, loopback, ApplicationType.WEB) if uri else None
        if fault:
            yield _Fault("invalid_client_metadata", f"{name}: {uri!r} {fault}")
    if client.frontchannel_logout_uri and not _is_framed_safely(client):
        detail = "frontchannel_logout_uri must be at the scheme, host and port of a redirect_uri"
        yield _Fault("invalid_client_metadata", detail)
    for uri in client.request_uris:
        fault = _fault_of_uri(uri.partition("#")[0], loopback, ApplicationType.WEB)
        if fault:
            yield _Fault("invalid_client_metadata", f"request_uris: {uri!r} {fault}")
    for name in _SHOWN_URIS:
        uri = getattr(client, name)
        if uri and _fault_of_uri(uri, Loopback.REFUSED, ApplicationType.WEB):
            yield _Fault("invalid_client_metadata", f"{name} must be https")


def _is_framed_safely(client: Client) -> bool:
    """Our page loads no address of a third party (Front-Channel Logout 1.0, 2)."""
    here = _origin(client.frontchannel_logout_uri)
    return any(_origin(uri) == here for uri in client.redirect_uris)


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(uri)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port


def _fault_of_uri(  # noqa: PLR0911  one per fault
    uri: str, loopback: Loopback, application: ApplicationType
) -> str | None:
    if not uri.isascii() or not uri.isprintable() or any(sign in uri for sign in ' \\"<>'):
        return "has characters that a URI cannot have"
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        parts.port  # noqa: B018  raises for a port that is none
    except ValueError:
        return "is no URI"
    if "#" in uri:
        return "has a fragment"
    if application is ApplicationType.NATIVE and "." in parts.scheme and not parts.netloc:
        return None  # a private-use scheme in reverse domain order (RFC 8252, 7.1)
    if parts.username is not None or not host:
        return "needs a host and no user name"
    if not _is_host(host, parts.netloc):
        return "has a host that is no name and no address"
    if parts.scheme == "https":
        return None
    is_local = loopback is Loopback.ALLOWED or application is ApplicationType.NATIVE
    if parts.scheme == "http" and is_local and _is_loopback(host):
        return None
    return "must be https"


def _is_host(host: str, netloc: str) -> bool:
    """A name of letters, digits and hyphens, or an address: it also stands in our CSP headers."""
    if netloc.startswith("["):
        try:
            return ip_address(host).version == _IPV6 and "%" not in host
        except ValueError:
            return False
    return len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) is not None


_IPV6, _LONGEST_HOST = 6, 253
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


def fault_of_called_uri(uri: str, loopback: Loopback) -> str | None:
    """What is wrong with an address that we are to call, for developers."""
    return _fault_of_uri(uri, loopback, ApplicationType.WEB)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _faults_of_name(client: Client) -> Iterator[str]:
    fault = shown.fault_of_name(client.client_name)
    if fault and client.client_name != client.client_id:
        yield f"client_name {fault}"


def _faults_of_authentication(client: Client) -> Iterator[str]:
    method = client.token_endpoint_auth_method
    if client.is_public:
        if GrantType.CLIENT_CREDENTIALS in client.grant_types:
            yield "client_credentials needs a client that can authenticate"
        if GrantType.CIBA in client.grant_types:
            yield "CIBA needs a client that can authenticate"
        if not client.require_pkce:
            yield "a public client needs PKCE"
    needs_keys = method in {AuthMethod.PRIVATE_KEY_JWT, AuthMethod.SELF_SIGNED_TLS}
    if needs_keys and not client.jwks and not client.jwks_uri:
        yield f"{method} needs jwks or jwks_uri"
    named = [name for name in _TLS_NAMES if getattr(client, name)]
    if method is AuthMethod.TLS and len(named) != 1:
        yield f"tls_client_auth needs exactly one of {', '.join(_TLS_NAMES)}"
    if not _is_tls_name(client):
        yield f"{named[0]} cannot be read"
    delivery = client.backchannel_token_delivery_mode
    if (GrantType.CIBA in client.grant_types) != (delivery is not None):
        yield "backchannel_token_delivery_mode goes with the CIBA grant"
    if delivery == "ping" and not client.backchannel_client_notification_endpoint:
        yield "ping needs backchannel_client_notification_endpoint"


def _is_tls_name(client: Client) -> bool:
    """Whether a name that certificates are compared with can be read at all."""
    try:
        x509.Name.from_rfc4514_string(client.tls_client_auth_subject_dn)
        return not client.tls_client_auth_san_ip or bool(ip_address(client.tls_client_auth_san_ip))
    except ValueError:
        return False


_LONGEST_AGE: Final = 999_999_999


def _faults_of_times(client: Client) -> Iterator[str]:
    if client.default_max_age is not None and not 0 <= client.default_max_age <= _LONGEST_AGE:
        yield "default_max_age is no number of seconds"


def _faults_of_resources(client: Client) -> Iterator[str]:
    """Absolute addresses without a fragment (RFC 8707, 2); one is told from the next by a space."""
    for name in ("resources", "protected_resources"):
        for uri in getattr(client, name):
            if not _RESOURCE.fullmatch(uri):
                yield f"{name}: {uri!r} is no absolute URI without a fragment"


_RESOURCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!$-;=?-Z_a-z~%]+")


def _faults_of_keys(client: Client) -> Iterator[str]:
    if client.jwks and client.jwks_uri:
        yield "jwks and jwks_uri exclude each other"
    if client.jwks is not None and not _is_key_set(client.jwks):
        yield "jwks is no set of public keys"
    if client.require_signed_request_object and not client.jwks and not client.jwks_uri:
        yield "require_signed_request_object needs jwks or jwks_uri"


_ENCRYPTED: Final = ("id_token", "userinfo", "authorization", "introspection")


def _faults_of_encryption(client: Client) -> Iterator[str]:
    """Registration, 2; JARM, 3; RFC 9701, 6: an enc goes with an alg, and that with a key."""
    for name in _ENCRYPTED:
        alg = getattr(client, f"{name}_encrypted_response_alg")
        if alg and not client.jwks and not client.jwks_uri:
            yield f"{name}_encrypted_response_alg needs jwks or jwks_uri"
        if getattr(client, f"{name}_encrypted_response_enc") and not alg:
            yield f"{name}_encrypted_response_enc needs {name}_encrypted_response_alg"
    if client.request_object_encryption_enc and not client.request_object_encryption_alg:
        yield "request_object_encryption_enc needs request_object_encryption_alg"


def _is_key_set(jwks: dict[str, Any]) -> bool:
    """Public keys only: a client that sends us its private key must learn of it at once."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        return False
    if not all(isinstance(key, dict) and has_texts(key) and _is_strong(key) for key in keys):
        return False
    try:
        found = KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return all(
        key.key_type != "oct" and not key.is_private and is_strong(key) for key in found.keys
    )


def _is_strong(key: dict[str, Any]) -> bool:
    """A public key of a kind we use; RSA of 2048 bits or more (RFC 7518, 3.3)."""
    if key.get("kty") == "RSA":
        return isinstance(key.get("n"), str) and len(key["n"]) >= _LEAST_RSA
    return key.get("kty") in ("EC", "OKP")  # not a set: a list has no hash


def _faults_of_sector(client: Client) -> Iterator[str]:
    hosts = _hosts(client.redirect_uris)
    is_pairwise = client.subject_type is SubjectType.PAIRWISE
    if len(hosts) > 1 and is_pairwise and not client.sector_identifier_uri:
        yield "redirect_uris have several hosts: sector_identifier_uri is needed"


def _faults_of_profile(client: Client) -> Iterator[str]:
    if client.profile is Profile.FAPI2:
        yield from gaps_to_fapi2(client)


def gaps_to_fapi2(client: Client) -> Iterator[str]:
    """What keeps a client from the FAPI 2.0 Security Profile (sections 5.3.2 and 5.4)."""
    if client.token_endpoint_auth_method not in _SAFE_AUTH:
        yield "token_endpoint_auth_method must be private_key_jwt or mTLS"
    if not (client.dpop_bound_access_tokens or client.tls_client_certificate_bound_access_tokens):
        yield "access tokens must be bound: dpop_bound_access_tokens or mTLS"
    if not client.require_pushed_authorization_requests:
        yield "require_pushed_authorization_requests must be true"
    if not client.require_pkce:
        yield "require_pkce must be true"
    for name in ("token_endpoint_auth_signing_alg", "request_object_signing_alg",
                 "id_token_signed_response_alg", "userinfo_signed_response_alg",
                 "authorization_signed_response_alg",
                 "introspection_signed_response_alg"):  # fmt: skip
        alg = getattr(client, name)
        if alg is not None and alg not in _SAFE_ALGS:
            yield f"{name} must be ES256, PS256 or EdDSA"


def _sector(found: Metadata) -> str:
    """The host that pairwise subjects are for (OpenID Connect Core, 8.1).

    A program on the person's own machine or phone has no host that would be anybody's: two of them
    must not be able to compare notes, so each is a sector of its own.
    """
    if found.get("sector_identifier_uri"):
        return urlsplit(found["sector_identifier_uri"]).hostname or ""
    hosts = sorted(_hosts(found.get("redirect_uris", [])))
    is_of_somebody = bool(hosts) and bool(hosts[0]) and not _is_loopback(hosts[0])
    return hosts[0] if is_of_somebody else str(found.get("client_id", ""))


def _hosts(uris: Iterable[str]) -> set[str]:
    return {urlsplit(uri).hostname or "" for uri in uris}
