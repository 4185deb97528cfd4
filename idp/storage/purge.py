"""Deleting what nobody can use any more, in small pieces so that nothing waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.prepared import Statement

_BATCH = 1000
_KEEP = timedelta(days=1)
"""Ended sessions and grants stay a day, so that a late reuse is still told from an unknown one."""

_KEEP_FEDERATED = timedelta(days=7)
"""A portal of a federation that asked for nothing for a week is forgotten, and may come back."""

_EXPIRED = (
    "recoveries",
    "activations",
    "transactions",
    "otps",
    "throttle",
    "single_use",
    "grants",
    "sessions",
    "pushed_requests",
    "decoupled_requests",
    "operator_sessions",
)
_KEYS = {"throttle": "key", "single_use": "kind, key", "operator_sessions": "session_id"}
_ONLY_IF = {"sessions": "AND ended_at IS NOT NULL "}
"""A session goes only after the worker has ended it: that tells the portals."""


def purge(database: Database, *, now: datetime) -> Iterator[tuple[str, int]]:
    """Delete expired rows; yields each table with the number of rows that went."""
    for table in _EXPIRED:
        yield table, _drain(database, _expired(table), now - _KEEP)
    yield "outbox", _drain(database, _DELIVERED, now - _KEEP)
    yield "clients", _drain(database, _FEDERATED, now - _KEEP_FEDERATED)


def _expired(table: str) -> Statement:
    key = _KEYS.get(table, "id")
    return Statement(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} "  # noqa: S608  constants
        f"WHERE expires_at < :before {_ONLY_IF.get(table, '')}LIMIT {_BATCH}) RETURNING 1"
    )


_DELIVERED = Statement(
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox "  # noqa: S608  constants
    f"WHERE done_at < :before LIMIT {_BATCH}) RETURNING 1"
)

_FEDERATED = Statement(
    "DELETE FROM clients WHERE client_id IN (SELECT client_id FROM clients "  # noqa: S608  constants
    "WHERE source IN ('federation', 'federation-explicit') AND expires_at < :before "
    "AND disabled_at IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = clients.client_id) "
    f"LIMIT {_BATCH}) AND expires_at < :before RETURNING 1"
)
"""One that an operator disabled stays, or the next chain would bring it back; one that has grants
stays until they went, since a chain that is good again gives them back (section 12.3)."""


def _drain(database: Database, statement: Statement, before: datetime) -> int:
    total = 0
    while gone := len(database.one(statement, {"before": milliseconds(before)})):
        total += gone
        if gone < _BATCH:
            break
    return total
