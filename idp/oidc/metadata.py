"""The discovery document (OpenID Connect Discovery, section 3; RFC 8414): one text for both."""

from __future__ import annotations

import msgspec

from idp.domain.assurance import ACR_RESISTANCES, IAL
from idp.domain.clients import ContentEnc, KeyAlg
from idp.oidc import verified_claims
from idp.oidc.claims import CLAIMS, CLIENT_SCOPES, SCOPES
from idp.oidc.keys import ALGORITHMS

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")


_IDENTITY_ASSURANCE = {
    "verified_claims_supported": True,
    "trust_frameworks_supported": [verified_claims.FRAMEWORK],
    "evidence_supported": verified_claims.EVIDENCE,
    "electronic_records_supported": verified_claims.RECORDS,
    "claims_in_verified_claims_supported": verified_claims.CLAIMS,
}
"""OpenID Connect for Identity Assurance 1.0, section 7."""


def document(issuer: str) -> bytes:
    """Everything a relying party needs to know, as it is served."""
    return msgspec.json.encode(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "end_session_endpoint": f"{issuer}/logout",
            "scopes_supported": [*SCOPES, *CLIENT_SCOPES],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "acr_values_supported": [*(level.acr for level in IAL), *ACR_RESISTANCES],
            "subject_types_supported": ["pairwise", "public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "userinfo_signing_alg_values_supported": list(ALGORITHMS),
            "id_token_encryption_alg_values_supported": list(KeyAlg),
            "id_token_encryption_enc_values_supported": list(ContentEnc),
            "userinfo_encryption_alg_values_supported": list(KeyAlg),
            "userinfo_encryption_enc_values_supported": list(ContentEnc),
            "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
            "code_challenge_methods_supported": ["S256"],
            "claim_types_supported": ["normal"],
            "claims_supported": [*CLAIMS, "acr", "amr", "auth_time"],
            "claims_parameter_supported": True,
            "claims_locales_supported": ["vi"],
            "display_values_supported": ["page", "popup", "touch", "wap"],
            **_IDENTITY_ASSURANCE,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "require_request_uri_registration": False,
            "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
            "ui_locales_supported": ["vi", "en"],
            "authorization_response_iss_parameter_supported": True,
        }
    )
