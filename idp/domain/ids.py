"""Row ids in order of time, and secrets of which only a hash is kept."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

NOBODY: Final = UUID(int=0)
"""The id of no row: lower than every other."""


def uuid7(now: datetime) -> UUID:
    """A UUID version 7 (RFC 9562, 5.7): milliseconds first, so that indexes only append.

    The 12 bits after them count up and carry over (RFC 9562, 6.2, method 1), so what one process
    does within a millisecond stays in its order too.
    """
    tick = _CLOCK.next(int(now.timestamp() * 1000))
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=(tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | random)


def written_at(row_id: UUID) -> datetime:
    """When a row with an id of ours was written, to the millisecond."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)


def earlier(row_id: UUID, by: timedelta) -> UUID:
    """The lowest id of a row written so much before that one."""
    milliseconds = max(0, (row_id.int >> 80) - by // timedelta(milliseconds=1))
    return UUID(int=milliseconds << 80)


class _Ticks:
    """Milliseconds with a counter below them."""

    def __init__(self) -> None:
        self._lock, self._last = threading.Lock(), 0

    def next(self, milliseconds: int) -> int:
        """Later than the one before, unless the clock itself was moved."""
        with self._lock:
            is_near = milliseconds <= self._last >> 12 <= milliseconds + _DRIFT
            self._last = self._last + 1 if is_near else milliseconds << 12
            return self._last


_DRIFT = 1000
"""How far ids may run ahead of the clock, in milliseconds, before they go back to it."""

_CLOCK = _Ticks()


def new_secret() -> str:
    """256 random bits, safe in a URL and a cookie."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """What is stored of such a secret; it is random, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()
