"""Whatever may be used once: spent by a unique insert, in the transaction of its effect."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection

from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.prepared import Statement

_SPEND = Statement("""
    INSERT INTO single_use (kind, key, expires_at) VALUES (:kind, :key, :expires_at)
    ON CONFLICT (kind, key) DO NOTHING RETURNING kind
""")


def spend(connection: Connection, kind: str, key: bytes, *, expires_at: datetime) -> bool:
    """Whether this is the first use. The row stays until nobody could accept it any more."""
    values = {"kind": kind, "key": key, "expires_at": milliseconds(expires_at)}
    return bool(_SPEND.within(connection, values))


_PROOF_KEPT = timedelta(days=1)


def spend_proof(
    connection: Connection, once: str, *, now: datetime, kept: timedelta = _PROOF_KEPT
) -> bool:
    """Whether a proof that serves a single time, such as the code of an app, serves now."""
    key = hashlib.sha256(once.encode()).digest()
    return spend(connection, "proof", key, expires_at=now + kept)


class SingleUse:
    """The same for what has no other effect in the database: a JWT that was accepted once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spend(self, kind: str, key: bytes, *, expires_at: datetime) -> bool:
        """Whether this is the first use; one statement that is its own transaction."""
        values = {"kind": kind, "key": key, "expires_at": milliseconds(expires_at)}
        return bool(self._database.one(_SPEND, values))
