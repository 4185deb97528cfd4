"""Which bound certificates are due to be asked about: each is claimed by one worker at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from idp.storage.database import Database
from idp.storage.models import AccountRow, CredentialRow
from idp.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Due:
    """A bound certificate: its method, its issuer's fingerprint, its number there."""

    id: UUID
    method: str
    issuer: str
    serial: int

    @property
    def name(self) -> str:
        """What ``LevelStore.revoke`` knows it by."""
        return f"{self.method} {self.issuer} {self.serial:x}"


class CheckStore:
    """The times of the last questions."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def claim(self, *, now: datetime, every: timedelta, limit: int) -> list[Due]:
        """Take certificates whose last question is ``every`` old, longest ago first.

        One statement takes and marks them, so that no two workers ask about one, and none is
        asked about more often than that.
        """
        row = CredentialRow
        waiting = (
            select(row.id)
            .where(row.removed_at.is_(None), row.checked_at <= now - every)
            .order_by(row.checked_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        claim = (
            update(row)
            .where(row.id.in_(waiting.scalar_subquery()))
            .values(checked_at=now)
            .returning(row.id, row.account_id, row.method, row.issuer, row.details_sealed)
        )
        with self._database.transaction() as connection:
            found = connection.execute(claim).all()
            owners = {each.account_id for each in found}
            keys = select(AccountRow.id, AccountRow.data_key).where(AccountRow.id.in_(owners))
            seals = {
                account_id: self._vault.data_key(bytes(key), account_id)
                for account_id, key in connection.execute(keys).all()
            }
        due = []
        for each in found:
            sealed, context = bytes(each.details_sealed), f"credential {each.id}"
            details = json.loads(seals[each.account_id].open_text(sealed, context=context))
            if "serial" in details:
                due.append(Due(each.id, each.method, each.issuer, int(details["serial"], 16)))
        return due

    def put_back(self, credential_ids: list[UUID], *, checked_at: datetime) -> None:
        """Nobody answered: due again before the full time is over."""
        row = CredentialRow
        with self._database.transaction() as connection:
            connection.execute(
                update(row).where(row.id.in_(credential_ids)).values(checked_at=checked_at)
            )
