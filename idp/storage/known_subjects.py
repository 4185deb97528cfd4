"""Whose ``sub`` a client was told: it cannot be computed backwards, so CIBA has to remember it."""

from __future__ import annotations

from uuid import UUID

from idp.storage.database import Database, as_uuid
from idp.storage.prepared import Statement

_REMEMBER = Statement("""
    INSERT INTO known_subjects (client_id, sub, account_id)
    SELECT client_id, :sub, account_id FROM grants WHERE id = :grant_id
    ON CONFLICT (client_id, sub) DO NOTHING
""")
_FIND = Statement("""
    SELECT k.account_id FROM known_subjects k JOIN accounts a ON a.id = k.account_id
    WHERE k.client_id = :client_id AND k.sub = :sub AND a.status <> 'closed'
""")


class KnownSubjects:
    """The subjects that CIBA clients know."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, grant_id: UUID, sub: str) -> None:
        """The client of this grant has been told ``sub``. One statement."""
        self._database.one(_REMEMBER, {"grant_id": grant_id, "sub": sub})

    def find(self, client_id: str, sub: str) -> UUID | None:
        """The account that this client knows as ``sub``."""
        rows = self._database.one(_FIND, {"client_id": client_id, "sub": sub})
        return as_uuid(rows[0][0]) if rows else None
