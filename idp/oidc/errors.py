"""Protocol errors: Authlib's vocabulary, and where each may be shown."""

from __future__ import annotations

import enum

from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)

__all__ = [
    "AuthorizationPendingError",
    "DeniedError",
    "ExpiredTokenError",
    "InvalidBindingMessageError",
    "InvalidClientError",
    "InvalidDpopProofError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidRequestObjectError",
    "InvalidRequestUriError",
    "InvalidScopeError",
    "InvalidTargetError",
    "NotRedirectable",
    "OAuth2Error",
    "SlowDownError",
    "TransactionFailedError",
    "UnauthorizedClientError",
    "UnknownUserIdError",
    "UnsupportedGrantTypeError",
    "UnsupportedTokenTypeError",
    "Untrusted",
    "UseDpopNonceError",
]


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The resource is unknown, or not for this client (RFC 8707, 2)."""

    error = "invalid_target"


class InvalidDpopProofError(OAuth2Error):  # type: ignore[misc]
    """The proof of possession does not hold (RFC 9449, 5)."""

    error = "invalid_dpop_proof"


class UseDpopNonceError(OAuth2Error):  # type: ignore[misc]
    """The proof must contain the nonce that this answer carries (RFC 9449, 8)."""

    error = "use_dpop_nonce"


class InvalidRequestObjectError(OAuth2Error):  # type: ignore[misc]
    """The request object is not the client's, or says something else (RFC 9101, 6)."""

    error = "invalid_request_object"


class InvalidRequestUriError(OAuth2Error):  # type: ignore[misc]
    """What request_uri names is over, used up, unknown or unreachable (RFC 9101, 5; RFC 9126)."""

    error = "invalid_request_uri"


class UnsupportedTokenTypeError(OAuth2Error):  # type: ignore[misc]
    """Tokens of this kind cannot be revoked: they only expire (RFC 7009, 2.2.1)."""

    error = "unsupported_token_type"


class AuthorizationPendingError(OAuth2Error):  # type: ignore[misc]
    """Nobody has answered yet (RFC 8628, 3.5; CIBA Core, 11)."""

    error = "authorization_pending"


class SlowDownError(OAuth2Error):  # type: ignore[misc]
    """Nobody has answered, and from now on each poll waits five seconds more (RFC 8628, 3.5)."""

    error = "slow_down"


class ExpiredTokenError(OAuth2Error):  # type: ignore[misc]
    """The request was not answered in time (RFC 8628, 3.5; CIBA Core, 11)."""

    error = "expired_token"


class DeniedError(OAuth2Error):  # type: ignore[misc]
    """The person, or we, said no (RFC 8628, 3.5; CIBA Core, 11 and 13)."""

    error = "access_denied"


class TransactionFailedError(OAuth2Error):  # type: ignore[misc]
    """The person could not be asked: the phone or what stands behind it failed (CIBA Core, 12)."""

    error = "transaction_failed"


class UnknownUserIdError(OAuth2Error):  # type: ignore[misc]
    """The hint names nobody whom this client knows (CIBA Core, 13)."""

    error = "unknown_user_id"


class InvalidBindingMessageError(OAuth2Error):  # type: ignore[misc]
    """The binding message cannot be shown everywhere (CIBA Core, 13)."""

    error = "invalid_binding_message"


class Untrusted(enum.Enum):
    """Why we cannot even send the person back."""

    CLIENT_UNKNOWN = "client_unknown"
    CLIENT_UNTRUSTED = "client_untrusted"
    FEDERATION_BUSY = "federation_busy"
    REDIRECT_URI_UNKNOWN = "redirect_uri_unknown"
    REQUEST_INVALID = "request_invalid"


class NotRedirectable(Exception):
    """Client or redirect_uri is not proven: the error stays on our page (RFC 6749, 4.1.2.1)."""

    def __init__(self, problem: Untrusted, detail: str) -> None:
        super().__init__(detail)
        self.problem, self.detail = problem, detail
