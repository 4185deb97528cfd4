"""Counters in windows of time: one statement counts and decides, however many ask at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from idp.metrics import THROTTLED, Meter
from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

_HIT = Statement("""
    INSERT INTO throttle (key, count, expires_at) VALUES (:key, 1, :until)
    ON CONFLICT (key) DO UPDATE SET
      count = CASE WHEN throttle.expires_at <= :now THEN 1 ELSE throttle.count + 1 END,
      expires_at = CASE WHEN throttle.expires_at <= :now THEN :until ELSE throttle.expires_at END
    RETURNING count, expires_at
""")
_PEEK = Statement("SELECT count, expires_at FROM throttle WHERE key = :key AND expires_at > :now")
_TAKE_BACK = Statement("""
    UPDATE throttle SET count = count - 1
    WHERE key = :key AND count > 0 AND expires_at <= :until RETURNING count
""")
_FORGET = Statement("DELETE FROM throttle WHERE key = :key RETURNING count")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` times in ``window``, counted from the first."""

    name: str
    count: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Counted:
    """How often it happened, and the seconds until the window ends."""

    count: int
    limit: int
    seconds: int

    @property
    def is_over(self) -> bool:
        """Whether this was once too often."""
        return self.count > self.limit


class ThrottleStore:
    """The counters. Keys are blind indexes: no number or address stands in the table."""

    def __init__(self, database: Database, vault: Vault, meter: Meter | None = None) -> None:
        self._database, self._vault, self._meter = database, vault, meter or Meter()

    def hit(self, limit: Limit, subject: str, *, now: datetime) -> Counted:
        """Count one more, before the work it guards is done."""
        values = {
            "key": self._key(limit, subject),
            "now": milliseconds(now),
            "until": milliseconds(now + limit.window),
        }
        [(count, expires_at)] = self._database.one(_HIT, values)
        counted = self._counted(limit, count, expires_at, now)
        if counted.is_over:
            self._meter.count(THROTTLED, limit.name)
        return counted

    def peek(self, limit: Limit, subject: str, *, now: datetime) -> Counted:
        """How often so far, without counting."""
        values = {"key": self._key(limit, subject), "now": milliseconds(now)}
        rows = self._database.one(_PEEK, values)
        count, expires_at = rows[0] if rows else (0, milliseconds(now))
        return self._counted(limit, count, expires_at, now)

    def take_back(self, limit: Limit, subject: str, *, now: datetime) -> None:
        """Count one less: what was counted at ``now`` did not come to pass.

        A window that began later is left alone: nothing of it may be given away.
        """
        until = milliseconds(now + limit.window)
        self._database.one(_TAKE_BACK, {"key": self._key(limit, subject), "until": until})

    def forget(self, limit: Limit, subject: str) -> None:
        """Start from nothing, after a success."""
        self._database.one(_FORGET, {"key": self._key(limit, subject)})

    def _key(self, limit: Limit, subject: str) -> bytes:
        return self._vault.index(f"throttle {limit.name}", subject)

    @staticmethod
    def _counted(limit: Limit, count: int, expires_at: int, now: datetime) -> Counted:
        seconds = max(1, -(-(expires_at - milliseconds(now)) // 1000))
        return Counted(count, limit.count, seconds)
