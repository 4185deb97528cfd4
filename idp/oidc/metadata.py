"""The discovery document (OpenID Connect Discovery, section 3; RFC 8414): one text for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from idp.domain.assurance import ACR_RESISTANCES, IAL, Attestation, EvidenceKind
from idp.domain.clients import AuthMethod, ContentEnc, GrantType, KeyAlg, SigningAlg
from idp.oidc.authorization import Display
from idp.oidc.claims import CLAIMS, CLIENT_SCOPES, SCOPES
from idp.oidc.keys import ALGORITHMS
from idp.oidc.proof import ALGORITHMS as DPOP_ALGORITHMS
from idp.oidc.response_types import CODE_ONLY, Offered, modes
from idp.oidc.verified_claims import vocabulary

_TLS_METHODS: Final = frozenset({AuthMethod.TLS, AuthMethod.SELF_SIGNED_TLS})
_ENDPOINTS: Final = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": "/jwks",
    "end_session_endpoint": "/logout",
    "pushed_authorization_request_endpoint": "/par",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
}
_CALLED_WITH_CERTIFICATE: Final = (
    "token_endpoint",
    "userinfo_endpoint",
    "pushed_authorization_request_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
)


_ENCRYPTION: Final = {
    "id_token_encryption_alg_values_supported": list(KeyAlg),
    "id_token_encryption_enc_values_supported": list(ContentEnc),
    "userinfo_encryption_alg_values_supported": list(KeyAlg),
    "userinfo_encryption_enc_values_supported": list(ContentEnc),
    "authorization_encryption_alg_values_supported": list(KeyAlg),
    "authorization_encryption_enc_values_supported": list(ContentEnc),
    "introspection_encryption_alg_values_supported": list(KeyAlg),
    "introspection_encryption_enc_values_supported": list(ContentEnc),
    "request_object_encryption_alg_values_supported": list(KeyAlg),
    "request_object_encryption_enc_values_supported": list(ContentEnc),
}


@dataclass(frozen=True, slots=True)
class Features:
    """What this installation offers beyond what every one does.

    ``mtls_base`` is where a TLS front asks for client certificates, empty for nowhere;
    ``endpoints`` and ``more`` are members of optional parts;
    ``attestations`` are what the installed methods' proofs of identity are.
    """

    mtls_base: str = ""
    grant_types: tuple[str, ...] = (
        GrantType.AUTHORIZATION_CODE,
        GrantType.REFRESH_TOKEN,
        GrantType.CLIENT_CREDENTIALS,
    )
    response_types: Offered = CODE_ONLY
    endpoints: Mapping[str, str] = field(default_factory=dict)
    attestations: tuple[Attestation, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def document(issuer: str, features: Features) -> bytes:
    """Everything a relying party needs to know, as it is served."""
    return msgspec.json.encode(members(issuer, features))


def members(issuer: str, features: Features) -> dict[str, Any]:
    """The members of the document."""
    endpoints = {**_ENDPOINTS, **features.endpoints}
    auth_methods = [
        method for method in AuthMethod if features.mtls_base or method not in _TLS_METHODS
    ]
    proving = [method for method in auth_methods if method is not AuthMethod.NONE]
    algorithms = list(ALGORITHMS)
    return {
        "issuer": issuer,
        **{name: f"{issuer}{path}" for name, path in endpoints.items()},
        "scopes_supported": [*SCOPES, *CLIENT_SCOPES],
        "response_types_supported": list(features.response_types),
        "response_modes_supported": modes(features.response_types),
        "grant_types_supported": list(features.grant_types),
        "acr_values_supported": [*(level.acr for level in IAL), *ACR_RESISTANCES],
        "subject_types_supported": ["pairwise", "public"],
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        **_ENCRYPTION,
        "authorization_signing_alg_values_supported": algorithms,
        "introspection_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": auth_methods,
        "token_endpoint_auth_signing_alg_values_supported": list(SigningAlg),
        "introspection_endpoint_auth_methods_supported": proving,
        "introspection_endpoint_auth_signing_alg_values_supported": list(SigningAlg),
        "revocation_endpoint_auth_methods_supported": auth_methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(SigningAlg),
        "code_challenge_methods_supported": ["S256"],
        "claim_types_supported": ["normal"],
        "claims_supported": [*CLAIMS, "acr", "amr", "auth_time"],
        "claims_parameter_supported": True,
        "claims_locales_supported": ["vi"],
        "display_values_supported": list(Display),
        **_assurance(features.attestations),
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": list(SigningAlg),
        "require_pushed_authorization_requests": False,
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
        "ui_locales_supported": ["vi", "en"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        **_with_certificates(features, endpoints),
        **features.more,
    }


def _assurance(attestations: tuple[Attestation, ...]) -> dict[str, Any]:
    """OpenID Connect for Identity Assurance 1.0, section 7."""
    return {
        "trust_frameworks_supported": [vocabulary.FRAMEWORK],
        "evidence_supported": sorted({each.kind for each in attestations}),
        "electronic_records_supported": sorted(
            {each.record for each in attestations if each.kind is EvidenceKind.RECORD}
        ),
        "documents_check_methods_supported": vocabulary.CHECK_METHODS,
        "claims_in_verified_claims_supported": vocabulary.CLAIMS,
    }


def _with_certificates(features: Features, endpoints: Mapping[str, str]) -> dict[str, Any]:
    """RFC 8705, 3.3 and 5: bound tokens, and where certificates are asked for."""
    if not features.mtls_base:
        return {}
    optional = ("device_authorization_endpoint", "backchannel_authentication_endpoint")
    aliases = {
        name: f"{features.mtls_base}{endpoints[name]}"
        for name in (*_CALLED_WITH_CERTIFICATE, *optional)
        if name in endpoints
    }
    return {
        "tls_client_certificate_bound_access_tokens": True,
        "mtls_endpoint_aliases": aliases,
    }
