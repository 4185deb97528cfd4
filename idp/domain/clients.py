"""A client: one relying party that people sign in at (RFC 7591 names)."""

from __future__ import annotations

import enum
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any


class AuthMethod(enum.StrEnum):
    """How a client proves itself at the token endpoint (RFC 7591, section 2)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class GrantType(enum.StrEnum):
    """Grants that a client may use."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105  the RFC's name of a grant
    CLIENT_CREDENTIALS = "client_credentials"


class SubjectType(enum.StrEnum):
    """What a client gets to see as ``sub`` (OpenID Connect Core, section 8)."""

    PAIRWISE = "pairwise"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Client:
    """Registered metadata, checked when it was registered.

    ``sector`` is the host that pairwise subjects are computed for; ``secret_hash`` is SHA-256 of
    a secret that is random, so a fast hash is enough.
    """

    client_id: str
    client_name: str
    redirect_uris: tuple[str, ...]
    sector: str
    token_endpoint_auth_method: AuthMethod = AuthMethod.BASIC
    grant_types: frozenset[GrantType] = frozenset({GrantType.AUTHORIZATION_CODE})
    scope: frozenset[str] = frozenset({"openid"})
    subject_type: SubjectType = SubjectType.PAIRWISE
    id_token_signed_response_alg: str = "ES256"  # noqa: S105  an algorithm
    userinfo_signed_response_alg: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    require_pkce: bool = True
    default_max_age: int | None = None
    default_acr_values: tuple[str, ...] = ()
    client_uri: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    secret_hash: bytes | None = field(default=None, repr=False)

    @property
    def is_public(self) -> bool:
        """Whether it has no secret (RFC 6749, 2.1): only PKCE binds its codes."""
        return self.token_endpoint_auth_method is AuthMethod.NONE

    def has_secret(self, secret: str) -> bool:
        """Compare in constant time."""
        digest = hashlib.sha256(secret.encode()).digest()
        return self.secret_hash is not None and hmac.compare_digest(digest, self.secret_hash)


Metadata = dict[str, Any]
"""Client metadata as JSON, only at the edges: files, the command line, the wire."""
