"""Operators: who has which role where, and whose console is open.

Every request of the console asks here, so a role that was taken away is gone with the commit. Rows
of roles are never deleted: one that ended keeps when it ended and who ended it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from idp.domain.accounts import AccountStatus
from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.operators import Post, Role
from idp.storage.database import Database
from idp.storage.models import AccountRow, OperatorRow, milliseconds
from idp.storage.prepared import Statement

_UNITS = Statement("""
    SELECT o.role, o.unit FROM operators o JOIN accounts a ON a.id = o.account_id
    WHERE o.account_id = :account_id AND o.removed_at IS NULL AND a.status = 'active'
""")
_OPEN = Statement("""
    INSERT INTO operator_sessions (session_id, opened_at, last_seen_at, expires_at)
    VALUES (:session_id, :now, :now, :expires_at)
    ON CONFLICT (session_id) DO NOTHING RETURNING session_id
""")
_SEE = Statement("""
    UPDATE operator_sessions SET last_seen_at = :now
    WHERE session_id = :session_id AND expires_at > :now AND last_seen_at > :idle_since
    RETURNING session_id
""")


class OperatorStore:
    """The operators and their consoles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def units(self, account_id: UUID) -> Mapping[Role, str]:
        """Every role of an active account that stands now, with where they work in it."""
        rows = self._database.one(_UNITS, {"account_id": account_id})
        found = {str(role): str(unit) for role, unit in rows}
        return {role: found[role] for role in Role if role in found}

    def open(self, session_id: UUID, *, now: datetime, lives: timedelta) -> bool:
        """Open the console of a session, once: a session never opens it a second time."""
        values = {
            "session_id": session_id,
            "now": milliseconds(now),
            "expires_at": milliseconds(now + lives),
        }
        return bool(self._database.one(_OPEN, values))

    def see(self, session_id: UUID, *, now: datetime, idle: timedelta) -> bool:
        """Whether the console of this session is open; it is in use now. One statement."""
        values = {
            "session_id": session_id,
            "now": milliseconds(now),
            "idle_since": milliseconds(now - idle),
        }
        return bool(self._database.one(_SEE, values))

    def add(self, connection: Connection, post: Post) -> None:
        """Give a role. Raises ``Conflict('operator.there')``."""
        row = {
            "id": uuid7(post.added_at),
            "account_id": post.account_id,
            "role": post.role,
            "unit": post.unit,
            "added_by": post.added_by,
            "added_at": post.added_at,
        }
        try:
            connection.execute(insert(OperatorRow).values(row))
        except IntegrityError as error:
            raise Conflict("operator.there") from error

    def remove(
        self, connection: Connection, account_id: UUID, role: Role, *, by: str, now: datetime
    ) -> None:
        """Take a role away. Raises ``Conflict('operator.gone')``."""
        changed = connection.execute(
            update(OperatorRow)
            .where(
                OperatorRow.account_id == account_id,
                OperatorRow.role == role,
                OperatorRow.removed_at.is_(None),
            )
            .values(removed_by=by, removed_at=now)
        )
        if not changed.rowcount:
            raise Conflict("operator.gone")

    def standing(self) -> tuple[Post, ...]:
        """Every role that stands, by unit."""
        query = (
            select(OperatorRow)
            .join(AccountRow, AccountRow.id == OperatorRow.account_id)
            .where(OperatorRow.removed_at.is_(None), AccountRow.status != AccountStatus.CLOSED)
            .order_by(OperatorRow.unit, OperatorRow.id)
        )
        with self._database.transaction() as connection:
            return tuple(
                Post(row.account_id, Role(row.role), row.unit, row.added_by, row.added_at)
                for row in connection.execute(query)
            )
