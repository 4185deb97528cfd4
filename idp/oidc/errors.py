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
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "NotRedirectable",
    "OAuth2Error",
    "UnauthorizedClientError",
    "UnsupportedGrantTypeError",
    "Untrusted",
]


class Untrusted(enum.Enum):
    """Why we cannot even send the person back."""

    CLIENT_UNKNOWN = "client_unknown"
    REDIRECT_URI_UNKNOWN = "redirect_uri_unknown"
    REQUEST_INVALID = "request_invalid"


class NotRedirectable(Exception):
    """Client or redirect_uri is not proven: the error stays on our page (RFC 6749, 4.1.2.1)."""

    def __init__(self, problem: Untrusted, detail: str) -> None:
        super().__init__(detail)
        self.problem, self.detail = problem, detail
