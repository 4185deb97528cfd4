"""The rules between the members of client metadata, each a sentence for developers.

Addresses (RFC 9700, 4.1), ways of authentication, keys, encryption, sectors (OpenID Connect Core,
8.1), and what a profile demands. Types and values are those of ``Client``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from idp.domain import shown
from idp.domain.clients import (
    ApplicationType,
    AuthMethod,
    Client,
    GrantType,
    Profile,
    ResponseType,
    SigningAlg,
    SubjectType,
)
from idp.oidc.client_addresses import (
    ANSWERS,
    Loopback,
    fault_of_query,
    fault_of_uri,
    hosts_of,
    is_loopback,
    origin,
)
from idp.oidc.client_keys import has_texts, is_strong
from idp.oidc.response_types import Offered

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
_ANSWERED_THERE: Final = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.IMPLICIT})
"""Grants that begin at the authorization endpoint, so their answers need an address."""
_MOST_KEYS = 20
_LEAST_RSA = 341
"""Characters of the modulus of a key of 2048 bits."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What cannot be registered: the code of RFC 7591, and why."""

    code: str
    detail: str


def faults(client: Client, loopback: Loopback, among: Offered) -> Iterator[Fault]:
    """Everything that is wrong with a client; ``among`` are the installation's response types."""
    yield from _faults_of_redirects(client, loopback)
    yield from _faults_of_uris(client, loopback)
    for detail in (
        *_faults_of_name(client),
        *_faults_of_implicit(client, among),
        *_faults_of_authentication(client),
        *_faults_of_keys(client),
        *_faults_of_encryption(client),
        *_faults_of_times(client),
        *_faults_of_resources(client),
        *_faults_of_sector(client),
        *_faults_of_profile(client),
    ):
        yield Fault("invalid_client_metadata", detail)


def _faults_of_redirects(client: Client, loopback: Loopback) -> Iterator[Fault]:
    if _ANSWERED_THERE & client.grant_types and not client.redirect_uris:
        yield Fault("invalid_redirect_uri", "redirect_uris is missing")
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, name):
            fault = fault_of_uri(uri, loopback, client.application_type)
            fault = fault or fault_of_query(uri, ANSWERS[name])
            if fault:
                yield Fault("invalid_redirect_uri", f"{name}: {uri!r} {fault}")
    if GrantType.IMPLICIT in client.grant_types and loopback is Loopback.REFUSED:
        is_local = any(map(is_loopback, hosts_of(client.redirect_uris)))
        if is_local and client.application_type is ApplicationType.WEB:  # Registration, 2
            yield Fault("invalid_redirect_uri", "tokens of a web client cannot go to localhost")


def _faults_of_uris(client: Client, loopback: Loopback) -> Iterator[Fault]:
    for name in (*_CALLED_URIS, *_VISITED_URIS):
        uri = getattr(client, name)
        fault = fault_of_uri(uri, loopback, ApplicationType.WEB) if uri else None
        if fault:
            yield Fault("invalid_client_metadata", f"{name}: {uri!r} {fault}")
    if client.frontchannel_logout_uri and not _is_framed_safely(client):
        detail = "frontchannel_logout_uri must be at the scheme, host and port of a redirect_uri"
        yield Fault("invalid_client_metadata", detail)
    for uri in client.request_uris:
        fault = fault_of_uri(uri.partition("#")[0], loopback, ApplicationType.WEB)
        if fault:
            yield Fault("invalid_client_metadata", f"request_uris: {uri!r} {fault}")
    for name in _SHOWN_URIS:
        uri = getattr(client, name)
        if uri and fault_of_uri(uri, Loopback.REFUSED, ApplicationType.WEB):
            yield Fault("invalid_client_metadata", f"{name} must be https")


def _is_framed_safely(client: Client) -> bool:
    """Our page loads no address of a third party (Front-Channel Logout 1.0, 2)."""
    here = origin(client.frontchannel_logout_uri)
    return any(origin(uri) == here for uri in client.redirect_uris)


def _faults_of_name(client: Client) -> Iterator[str]:
    fault = shown.fault_of_name(client.client_name)
    if fault and client.client_name != client.client_id:
        yield f"client_name {fault}"


def _faults_of_implicit(client: Client, among: Offered) -> Iterator[str]:
    """Who gets tokens from the authorization endpoint (OpenID Connect Core, 3.2)."""
    kinds = {kind for kind in client.response_types if kind.is_implicit}
    has_grant = GrantType.IMPLICIT in client.grant_types
    if not kinds and not has_grant:
        return
    if ResponseType.ID_TOKEN not in among:
        yield "the implicit flow is not offered here"
    if bool(kinds) != has_grant:  # RFC 7591, 2.1
        yield "the grant type implicit goes with the response types id_token and id_token token"
    has_codes = GrantType.AUTHORIZATION_CODE in client.grant_types
    if (ResponseType.CODE in client.response_types) != has_codes:
        yield "the grant type authorization_code goes with the response type code"
    if client.profile is not Profile.STANDARD:
        yield "the implicit flow is for the profile standard only"
    is_bound = client.dpop_bound_access_tokens or client.tls_client_certificate_bound_access_tokens
    if ResponseType.ID_TOKEN_TOKEN in kinds and is_bound:
        yield "an access token that the browser gets cannot be bound to a key"


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


ENCRYPTED: Final = ("id_token", "userinfo", "authorization", "introspection")


def _faults_of_encryption(client: Client) -> Iterator[str]:
    """Registration, 2; JARM, 3; RFC 9701, 6: an enc goes with an alg, and that with a key."""
    for name in ENCRYPTED:
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
    hosts = hosts_of(client.redirect_uris)
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
    if GrantType.IMPLICIT in client.grant_types:
        yield "the grant type implicit must go: no token comes through the browser"
    for name in ("token_endpoint_auth_signing_alg", "request_object_signing_alg",
                 "id_token_signed_response_alg", "userinfo_signed_response_alg",
                 "authorization_signed_response_alg",
                 "introspection_signed_response_alg"):  # fmt: skip
        alg = getattr(client, name)
        if alg is not None and alg not in _SAFE_ALGS:
            yield f"{name} must be ES256, PS256 or EdDSA"
