"""Codes by SMS: issued, counted, used; every decision is one statement."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, update

from idp.storage.database import Database
from idp.storage.models import OtpRow, milliseconds
from idp.storage.prepared import Statement

_TRY = Statement("""
    UPDATE otps SET tries = tries + 1
    WHERE id = :id AND used_at IS NULL AND voided_at IS NULL
      AND expires_at > :now AND tries < :max_tries
    RETURNING digest, tries
""")
_STATE = Statement("SELECT tries, expires_at, used_at, voided_at FROM otps WHERE id = :id")
_USE = Statement("""
    UPDATE otps SET used_at = :now
    WHERE id = :id AND used_at IS NULL AND voided_at IS NULL AND expires_at > :now
    RETURNING id
""")


class OtpState(enum.Enum):
    """Why a code is not compared."""

    EXPIRED = "expired"
    SPENT = "spent"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Try:
    """One counted try: the digest to compare with, and how many tries are left after it."""

    digest: bytes
    left: int


class OtpStore:
    """The codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(  # noqa: PLR0913  keywords, one per column
        self,
        connection: Connection,
        *,
        otp_id: UUID,
        purpose: str,
        transaction_id: UUID,
        digest: bytes,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """Keep a new code; the earlier ones of the same transaction are void at once."""
        connection.execute(
            update(OtpRow)
            .where(OtpRow.transaction_id == transaction_id, OtpRow.voided_at.is_(None))
            .values(voided_at=now)
        )
        row = {
            "id": otp_id,
            "purpose": purpose,
            "transaction_id": transaction_id,
            "digest": digest,
            "tries": 0,
            "created_at": now,
            "expires_at": expires_at,
        }
        connection.execute(insert(OtpRow).values(row))

    def count_try(self, otp_id: UUID, *, now: datetime, max_tries: int) -> Try | OtpState:
        """Count a try and only then say what to compare it with: parallel guesses gain nothing."""
        values = {"id": otp_id, "now": milliseconds(now), "max_tries": max_tries}
        rows = self._database.one(_TRY, values)
        if rows:
            [(digest, tries)] = rows
            return Try(bytes(digest), max_tries - tries)
        return self._why_not(otp_id, now=now, max_tries=max_tries)

    def use(self, otp_id: UUID, *, now: datetime) -> bool:
        """Whether this is the one use of a right code."""
        return bool(self._database.one(_USE, {"id": otp_id, "now": milliseconds(now)}))

    def _why_not(self, otp_id: UUID, *, now: datetime, max_tries: int) -> OtpState:
        rows = self._database.one(_STATE, {"id": otp_id})
        if not rows:
            return OtpState.EXPIRED
        [(tries, expires_at, used_at, voided_at)] = rows
        if used_at is not None or voided_at is not None:
            return OtpState.VOID
        if tries >= max_tries:
            return OtpState.SPENT
        return OtpState.EXPIRED if expires_at <= milliseconds(now) else OtpState.VOID
