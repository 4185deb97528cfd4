"""``application/x-www-form-urlencoded`` in a hurry: what ``urllib.parse.parse_qsl`` answers.

Most values of a request hold nothing that is encoded, and looking for that once costs a fraction of
decoding them all. ``tests/oidc/test_forms.py`` holds it against the library.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal
from urllib.parse import unquote_plus

Errors = Literal["strict", "replace"]
_ALWAYS_THE_SAME = frozenset({"redirect_uri", "scope"})
"""What one portal sends with all its requests, and no secret; decoding is most of the work."""
_LONG = 300
_remembered = lru_cache(maxsize=2048)(unquote_plus)


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
        _decoded(*_halves(field), errors) if "%" in field or "+" in field else _halves(field)
        for field in fields
        if field
    ]


def _decoded(name: str, value: str, errors: Errors) -> tuple[str, str]:
    if name in _ALWAYS_THE_SAME and len(value) < _LONG:
        return name, _remembered(value, errors=errors)
    return unquote_plus(name, errors=errors), unquote_plus(value, errors=errors)


def _halves(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name, value
