"""``application/x-www-form-urlencoded`` in a hurry: what ``urllib.parse.parse_qsl`` answers.

Most values of a request hold nothing that is encoded, and looking for that once costs a fraction of
decoding them all. ``tests/oidc/test_forms.py`` holds it against the library.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote_plus

Errors = Literal["strict", "replace"]


def decode(text: str, *, most: int, errors: Errors = "replace") -> list[tuple[str, str]]:
    """Names and values in their order, also empty values (WHATWG URL, 5.1).

    ``errors`` is what becomes of bytes that are no UTF-8. Raises ``ValueError`` for more than
    ``most`` fields, and for such bytes where they are not replaced.
    """
    if not text:
        return []
    fields = text.split("&")
    if len(fields) > most:
        msg = "too many fields"
        raise ValueError(msg)
    if "%" not in text and "+" not in text:
        return [_halves(field) for field in fields if field]
    return [
        (unquote_plus(name, errors=errors), unquote_plus(value, errors=errors))
        if "%" in field or "+" in field
        else (name, value)
        for field in fields
        if field
        for name, value in (_halves(field),)
    ]


def _halves(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name, value
