"""A client: one relying party that people sign in at (RFC 7591 names).

Every field is a metadata name of a specification, with that specification's default:
RFC 7591 and OpenID Connect Registration; RFC 8705 (mTLS), 9101 (JAR), 9126 (PAR), 9449 (DPoP),
9701 (introspection); JARM; the logout specifications; CIBA. Ours are ``profile``,
``require_pkce``, ``resources`` (which it may ask tokens for, RFC 8707), ``protected_resources``
(which it serves, so it may introspect their tokens) and ``access_token_format``.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from typing import Any

import msgspec


class Profile(enum.StrEnum):
    """How strict or how tolerant we are with a client (docs/integrating.md)."""

    STANDARD = "standard"
    FAPI2 = "fapi2"
    DVCQG = "dvcqg"


class AuthMethod(enum.StrEnum):
    """How a client proves itself at the token endpoint (RFC 7591, section 2; RFC 8705, 2)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS = "tls_client_auth"
    SELF_SIGNED_TLS = "self_signed_tls_client_auth"

    @property
    def has_secret(self) -> bool:
        """Whether the two of us share a secret."""
        return self in {AuthMethod.BASIC, AuthMethod.POST}


class GrantType(enum.StrEnum):
    """Grants that a client may use."""

    AUTHORIZATION_CODE = "authorization_code"
    IMPLICIT = "implicit"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105  the RFC's name of a grant
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    CIBA = "urn:openid:params:grant-type:ciba"


class SubjectType(enum.StrEnum):
    """What a client gets to see as ``sub`` (OpenID Connect Core, section 8)."""

    PAIRWISE = "pairwise"
    PUBLIC = "public"


class ResponseType(enum.StrEnum):
    """What the authorization endpoint answers with (Core, 3; which count: response_types.py).

    Tokens only where an operator turned the implicit flow on (RFC 9700, 2.1.2). No hybrid.
    """

    CODE = "code"
    ID_TOKEN = "id_token"  # noqa: S105  the specification's name
    ID_TOKEN_TOKEN = "id_token token"  # noqa: S105  the specification's name

    @property
    def is_implicit(self) -> bool:
        """Whether the answer is tokens at once, without a code (Core, 3.2)."""
        return self is not ResponseType.CODE


class SigningAlg(enum.StrEnum):
    """Signatures that we make and accept (RFC 7518, 3.1; RFC 8037)."""

    ES256 = "ES256"
    RS256 = "RS256"
    PS256 = "PS256"
    EDDSA = "EdDSA"


class KeyAlg(enum.StrEnum):
    """How the key of an encrypted answer is wrapped (RFC 7518, 4.1). No RSA1_5 (RFC 8725, 3.2)."""

    RSA_OAEP = "RSA-OAEP"
    RSA_OAEP_256 = "RSA-OAEP-256"
    ECDH_ES = "ECDH-ES"
    ECDH_ES_A128KW = "ECDH-ES+A128KW"
    ECDH_ES_A256KW = "ECDH-ES+A256KW"


class ContentEnc(enum.StrEnum):
    """How the contents of an encrypted answer are encrypted (RFC 7518, 5.1)."""

    A128CBC_HS256 = "A128CBC-HS256"
    A256CBC_HS512 = "A256CBC-HS512"
    A128GCM = "A128GCM"
    A256GCM = "A256GCM"


class ApplicationType(enum.StrEnum):
    """Where the client runs (OpenID Connect Registration, 2)."""

    WEB = "web"
    NATIVE = "native"


class TokenDelivery(enum.StrEnum):
    """How a CIBA client gets its tokens (CIBA Core, 4); push is not offered."""

    POLL = "poll"
    PING = "ping"


class TokenFormat(enum.StrEnum):
    """What an access token is: a JWT (RFC 9068), or a reference that says nothing."""

    JWT = "jwt"
    OPAQUE = "opaque"


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """Who vouches for a portal of a federation, as the statements above it say."""

    superior: str
    superior_name: str
    anchor: str
    anchor_name: str

    @property
    def is_anchor(self) -> bool:
        """Whether nobody stands between the portal and the head of its federation."""
        return self.superior == self.anchor


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Registered metadata, checked when it was registered.

    ``sector`` is the host that pairwise subjects are computed for; ``secret_hash`` is SHA-256 of
    a secret that is random, so a fast hash is enough. ``is_stranger`` says that nobody let it in:
    it registered itself where everybody may.
    """

    client_id: str
    client_name: str = ""
    profile: Profile = Profile.STANDARD
    application_type: ApplicationType = ApplicationType.WEB
    redirect_uris: tuple[str, ...] = ()
    sector: str = ""
    sector_identifier_uri: str = ""
    grant_types: frozenset[GrantType] = frozenset({GrantType.AUTHORIZATION_CODE})
    response_types: frozenset[ResponseType] = frozenset({ResponseType.CODE})
    scope: frozenset[str] = frozenset({"openid"})
    subject_type: SubjectType = SubjectType.PAIRWISE
    contacts: tuple[str, ...] = ()
    software_id: str = ""
    software_version: str = ""
    # What a person sees of it.
    client_uri: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    # Proving itself.
    token_endpoint_auth_method: AuthMethod = AuthMethod.BASIC
    token_endpoint_auth_signing_alg: SigningAlg | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str = ""
    tls_client_auth_subject_dn: str = ""
    tls_client_auth_san_dns: str = ""
    tls_client_auth_san_uri: str = ""
    tls_client_auth_san_ip: str = ""
    tls_client_auth_san_email: str = ""
    tls_client_certificate_bound_access_tokens: bool = False
    dpop_bound_access_tokens: bool = False
    secret_hash: bytes | None = None
    # Asking.
    require_pkce: bool = True
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    request_object_signing_alg: SigningAlg | None = None
    request_object_encryption_alg: KeyAlg | None = None
    request_object_encryption_enc: ContentEnc | None = None
    request_uris: tuple[str, ...] = ()
    default_max_age: int | None = None
    require_auth_time: bool = False
    default_acr_values: tuple[str, ...] = ()
    initiate_login_uri: str = ""
    client_registration_types: tuple[str, ...] = ()
    voucher: Voucher | None = None
    is_stranger: bool = False
    resources: tuple[str, ...] = ()
    protected_resources: tuple[str, ...] = ()
    # Being answered.
    id_token_signed_response_alg: SigningAlg = SigningAlg.ES256
    id_token_encrypted_response_alg: KeyAlg | None = None
    id_token_encrypted_response_enc: ContentEnc | None = None
    userinfo_signed_response_alg: SigningAlg | None = None
    userinfo_encrypted_response_alg: KeyAlg | None = None
    userinfo_encrypted_response_enc: ContentEnc | None = None
    authorization_signed_response_alg: SigningAlg = SigningAlg.ES256
    authorization_encrypted_response_alg: KeyAlg | None = None
    authorization_encrypted_response_enc: ContentEnc | None = None
    introspection_signed_response_alg: SigningAlg = SigningAlg.ES256
    introspection_encrypted_response_alg: KeyAlg | None = None
    introspection_encrypted_response_enc: ContentEnc | None = None
    access_token_format: TokenFormat = TokenFormat.JWT
    # Being told.
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str = ""
    frontchannel_logout_session_required: bool = False
    backchannel_token_delivery_mode: TokenDelivery | None = None
    backchannel_client_notification_endpoint: str = ""
    backchannel_authentication_request_signing_alg: SigningAlg | None = None
    backchannel_user_code_parameter: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it has no secret (RFC 6749, 2.1): only PKCE binds its codes."""
        return self.token_endpoint_auth_method is AuthMethod.NONE

    @property
    def is_automatic(self) -> bool:
        """Whether a federation vouches for it: every request proves its key (Federation, 12.1)."""
        return "automatic" in self.client_registration_types

    @property
    def allowed_scope(self) -> frozenset[str]:
        """What may be granted to it; offline access is for who can use it (Core, 11)."""
        allowed = self.scope | {"openid"}
        may_refresh = GrantType.REFRESH_TOKEN in self.grant_types
        return allowed if may_refresh else allowed - {"offline_access"}

    def has_secret(self, secret: str) -> bool:
        """Compare in constant time."""
        digest = hashlib.sha256(secret.encode()).digest()
        return self.secret_hash is not None and hmac.compare_digest(digest, self.secret_hash)


Metadata = dict[str, Any]
"""Client metadata as JSON, only at the edges: files, the command line, the wire."""
