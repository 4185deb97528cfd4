"""One-time codes that an operator gives at the counter to somebody whose card they have seen."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update

from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber
from idp.storage.database import Database
from idp.storage.models import RecoveryRow
from idp.storage.vault import Vault

_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_LENGTH, _GROUP = 12, 4


class RecoveryStore:
    """The codes; here is only a keyed digest of code and id number."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def issue(  # noqa: PLR0913  keywords, one per column
        self,
        connection: Connection,
        account_id: UUID,
        number: IdNumber,
        *,
        vouched_by: str,
        now: datetime,
        expires_at: datetime,
    ) -> str:
        """A new code, as the operator reads it out; earlier ones of the account are void."""
        connection.execute(
            update(RecoveryRow)
            .where(RecoveryRow.account_id == account_id, RecoveryRow.used_at.is_(None))
            .values(used_at=now)
        )
        code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        row = {
            "id": uuid7(now),
            "account_id": account_id,
            "key_index": self._index(code, number),
            "vouched_by": vouched_by,
            "created_at": now,
            "expires_at": expires_at,
        }
        connection.execute(insert(RecoveryRow).values(row))
        return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))

    def find(self, typed: str, number: IdNumber, *, now: datetime) -> UUID | None:
        """Whose account a code opens, while it lives; it is not used up by looking."""
        query = select(RecoveryRow.account_id).where(
            *self._live(typed, number), RecoveryRow.expires_at > now
        )
        with self._database.transaction() as connection:
            return connection.scalar(query)

    def use(self, connection: Connection, typed: str, number: IdNumber, *, now: datetime) -> bool:
        """Whether this is the one use of a living code, in the transaction of its effect."""
        used = connection.execute(
            update(RecoveryRow)
            .where(*self._live(typed, number), RecoveryRow.expires_at > now)
            .values(used_at=now)
        )
        return bool(used.rowcount)

    def last_used(self, account_id: UUID) -> datetime | None:
        """When a counter's code last was used or replaced by a newer one."""
        query = select(func.max(RecoveryRow.used_at)).where(RecoveryRow.account_id == account_id)
        with self._database.transaction() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def _live(self, typed: str, number: IdNumber) -> tuple[Any, ...]:
        plain = "".join(filter(str.isalnum, typed.upper()))[:_LENGTH]
        index = self._index(plain, number)
        return (RecoveryRow.key_index == index, RecoveryRow.used_at.is_(None))

    def _index(self, code: str, number: IdNumber) -> bytes:
        return self._vault.index("recovery", f"{code} {number.kind} {number.value}")
