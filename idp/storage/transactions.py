"""Sign-ins and registrations in progress: sealed state, bound to one browser.

``version`` moves with every change, so that of two posts at once only one has an effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

_ADD = Statement("""
    INSERT INTO transactions
      (id, browser_hash, kind, version, state_sealed, created_at, expires_at)
    VALUES (:id, :browser_hash, :kind, 1, :state, :now, :expires_at)
""")
_FIND = Statement("""
    SELECT version, state_sealed FROM transactions
    WHERE id = :id AND browser_hash = :browser_hash AND kind = :kind
      AND ended_at IS NULL AND expires_at > :now
""")
_SAVE = Statement("""
    UPDATE transactions SET version = version + 1, state_sealed = :state
    WHERE id = :id AND version = :version AND ended_at IS NULL RETURNING version
""")
_END = Statement("""
    UPDATE transactions SET ended_at = :now, state_sealed = :state
    WHERE id = :id AND version = :version AND ended_at IS NULL RETURNING version
""")


@dataclass(frozen=True, slots=True)
class Stored:
    """A transaction as it was read."""

    id: UUID
    kind: str
    version: int
    state: bytes


class TransactionStore:
    """The transactions in progress."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(
        self, kind: str, state: bytes, *, browser_hash: bytes, now: datetime, ttl: timedelta
    ) -> Stored:
        """Start one for this browser."""
        transaction_id = uuid7(now)
        values = {
            "id": transaction_id,
            "browser_hash": browser_hash,
            "kind": kind,
            "state": self._seal(transaction_id, state),
            "now": milliseconds(now),
            "expires_at": milliseconds(now + ttl),
        }
        self._database.one(_ADD, values)
        return Stored(transaction_id, kind, 1, state)

    def find(
        self, transaction_id: UUID, kind: str, *, browser_hash: bytes, now: datetime
    ) -> Stored | None:
        """The transaction, if it is this browser's and still open."""
        values = {
            "id": transaction_id,
            "browser_hash": browser_hash,
            "kind": kind,
            "now": milliseconds(now),
        }
        rows = self._database.one(_FIND, values)
        if not rows:
            return None
        [(version, sealed)] = rows
        state = self._vault.open(bytes(sealed), context=f"transaction {transaction_id}")
        return Stored(transaction_id, kind, version, state)

    def save(self, stored: Stored, state: bytes) -> Stored:
        """Keep a new state; raises ``Conflict`` when another request was faster."""
        return _kept(stored, state, self._database.one(_SAVE, self._saving(stored, state)))

    def save_with(self, connection: Connection, stored: Stored, state: bytes) -> Stored:
        """``save`` in the transaction of an effect: of two posts at once only one has it."""
        return _kept(stored, state, _SAVE.within(connection, self._saving(stored, state)))

    def end(self, stored: Stored, *, now: datetime) -> None:
        """Finish it and forget its state; raises ``Conflict`` when it is finished already.

        Whoever ends a transaction is the only one to do so: this is what makes its effect happen
        once.
        """
        _kept(stored, b"", self._database.one(_END, _ending(stored, now)))

    def end_with(self, connection: Connection, stored: Stored, *, now: datetime) -> None:
        """``end`` in the transaction of what it makes happen once: both are there, or neither."""
        _kept(stored, b"", _END.within(connection, _ending(stored, now)))

    def _saving(self, stored: Stored, state: bytes) -> dict[str, object]:
        sealed = self._seal(stored.id, state)
        return {"id": stored.id, "version": stored.version, "state": sealed}

    def _seal(self, transaction_id: UUID, state: bytes) -> bytes:
        return self._vault.seal(state, context=f"transaction {transaction_id}")


def _ending(stored: Stored, now: datetime) -> dict[str, object]:
    ended_at = milliseconds(now)
    return {"id": stored.id, "version": stored.version, "state": b"", "now": ended_at}


def _kept(stored: Stored, state: bytes, rows: list[tuple[Any, ...]]) -> Stored:
    """The transaction after a statement that had to find it as it was read."""
    if not rows:
        raise Conflict("transaction.changed")
    return Stored(stored.id, stored.kind, stored.version + 1, state)
