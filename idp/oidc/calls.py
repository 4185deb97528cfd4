"""A program's request to one of our endpoints, as HTTP brought it: nothing is believed yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from idp.oidc import forms
from idp.oidc.errors import InvalidRequestError

FORM_TYPE = "application/x-www-form-urlencoded"
_LONGEST_BODY, _MOST_FIELDS = 65536, 100
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MAY_REPEAT = "resource"
"""RFC 8707, section 2: the one parameter that may come several times; kept separated by spaces."""


class Call(msgspec.Struct, frozen=True):
    """What a program sent.

    ``certificate`` is the client certificate (DER) that a trusted TLS front reports, and
    ``is_certificate_verified`` whether the front proved its path.
    """

    method: str
    path: str
    body: bytes = b""
    content_type: str = ""
    authorization: str | None = None
    dpop: tuple[str, ...] = ()
    accept: str = ""
    certificate: bytes | None = None
    is_certificate_verified: bool = False
    address: str = ""
    interaction: str = ""


class Reply(msgspec.Struct, frozen=True):
    """An answer to a program; nothing of it may be cached."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(NO_STORE))


def read_form(call: Call) -> dict[str, str]:
    """The parameters of a body (RFC 6749, 3.2). Raises ``InvalidRequestError``.

    Only the body counts, never the query; a repeated parameter is refused.
    """
    if call.content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        raise InvalidRequestError(f"the body must be {FORM_TYPE}")
    if len(call.body) > _LONGEST_BODY:
        raise InvalidRequestError("the body is too long")
    try:
        pairs = forms.decode(call.body.decode("ascii"), most=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise InvalidRequestError("the body is no form") from None
    return read_pairs(pairs)


def read_pairs(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name. Raises ``InvalidRequestError`` for a repeated one."""
    values = dict(pairs)
    if len(values) != len(pairs):
        several = [value for name, value in pairs if name == _MAY_REPEAT and value]
        if len(values) - (_MAY_REPEAT in values) + len(several) != len(pairs):
            raise InvalidRequestError("a parameter is repeated")
        values[_MAY_REPEAT] = " ".join(several)
    # A parameter without a value is treated as omitted (RFC 6749, 3.2).
    return {name: value for name, value in values.items() if value}
