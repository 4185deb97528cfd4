"""Codes by SMS: how they are made, read and kept (S2)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable

_DIGITS = 6


def new_code(randbelow: Callable[[int], int] = secrets.randbelow) -> str:
    """Six digits from the system's random source."""
    return f"{randbelow(10**_DIGITS):0{_DIGITS}d}"


def clean(typed: str) -> str | None:
    """The six digits somebody typed or pasted, or None."""
    digits = re.sub(r"[\s\-.]", "", unicodedata.normalize("NFKC", typed[:64])).removeprefix("#")
    return digits if re.fullmatch(r"[0-9]{6}", digits) else None


def digest(key: bytes, *, code: str, purpose: str, transaction: str, phone: str) -> bytes:
    """What is stored of a code: bound to its purpose, transaction and phone.

    Lengths precede the parts, so that no two bindings read the same.
    """
    parts = [part.encode() for part in (code, purpose, transaction, phone)]
    message = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return hmac.new(key, message, hashlib.sha256).digest()
