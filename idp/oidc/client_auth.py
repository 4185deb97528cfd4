"""Client authentication (RFC 6749, 2.3) and the body of a token request.

Only the body counts, never the query; every repeated parameter is refused; one method at a time.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, unquote_plus

from idp.domain.clients import AuthMethod, Client
from idp.oidc.errors import InvalidClientError, InvalidRequestError

FORM_TYPE = "application/x-www-form-urlencoded"
_LONGEST_BODY, _MOST_FIELDS = 32768, 50


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """The parameters of a body (RFC 6749, 3.2). Raises ``InvalidRequestError``."""
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        raise InvalidRequestError(f"the body must be {FORM_TYPE}")
    try:
        pairs = parse_qsl(
            body[:_LONGEST_BODY].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise InvalidRequestError("the body is no form") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise InvalidRequestError("a parameter is repeated")
    # A parameter without a value is treated as omitted (RFC 6749, 3.2).
    return {name: value for name, value in values.items() if value}


def authenticate(
    authorization: str | None,
    form: Mapping[str, str],
    find_client: Callable[[str], Client | None],
) -> Client:
    """The client that asks. Raises ``InvalidClientError``, the same for every reason."""
    basic = _read_basic(authorization) if authorization else None
    if basic is not None and (
        "client_secret" in form or form.get("client_id", basic[0]) != basic[0]
    ):
        raise InvalidRequestError("more than one way of client authentication")
    client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret"))
    used = AuthMethod.BASIC if basic else AuthMethod.POST if secret else AuthMethod.NONE
    client = find_client(client_id) if client_id and len(client_id) <= 2000 else None  # noqa: PLR2004
    if client is None or client.token_endpoint_auth_method is not used:
        raise _refused(basic)
    if used is not AuthMethod.NONE and not client.has_secret(secret or ""):
        raise _refused(basic)
    return client


def _read_basic(header: str) -> tuple[str, str]:
    """Both halves are form-encoded inside the base64 (RFC 6749, 2.3.1)."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError("client authentication failed", status_code=401)
    try:
        client_id, colon, secret = b64decode(value.strip(), validate=True).decode().partition(":")
        decoded = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise _refused(("", "")) from None
    if not colon:
        raise _refused(("", ""))
    return decoded


def _refused(basic: tuple[str, str] | None) -> InvalidClientError:
    """401 always; ``WWW-Authenticate`` goes with it when the header was used (RFC 6749, 5.2)."""
    error = InvalidClientError("client authentication failed", status_code=401)
    error.used_header = basic is not None
    return error
