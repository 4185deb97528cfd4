"""What the owner of an account decides: switches, own facts, freezing, closing.

Freezing and closing end every session and every grant in the transaction that changes the status,
so no node gives anything to anybody from that moment on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, case, delete, insert, select, update

from idp.domain.accounts import AccountStatus, Attribute
from idp.domain.errors import Conflict, LastMethodError
from idp.domain.ids import uuid7
from idp.storage.account_rows import SELF
from idp.storage.database import Database
from idp.storage.endings import Endings
from idp.storage.models import (
    AccountRow,
    AttributeRow,
    ConsentRow,
    CredentialRow,
    EvidenceRow,
    IdentifierRow,
    PasswordRow,
    PhoneRow,
    RepresentativeRow,
    SessionRow,
)
from idp.storage.vault import Vault
from idp.storage.ways_in import Seconds, can_sign_in, lock


class OwnerStore:
    """Changes that an owner makes to an account as a whole."""

    def __init__(self, database: Database, vault: Vault, seconds: Seconds) -> None:
        self._database, self._vault, self._seconds = database, vault, seconds
        self._endings = Endings(database, vault)

    # --- facts and switches ---------------------------------------------------------------------

    def declare(
        self,
        connection: Connection,
        account_id: UUID,
        facts: Mapping[Attribute, str],
        *,
        source: str = SELF,
        now: datetime,
    ) -> int:
        """Keep what the owner says; an empty text takes the fact away. Old rows stay, retired.

        Answers how many there were.
        """
        seal = lock(connection, self._vault, account_id)
        retired = connection.execute(
            update(AttributeRow)
            .where(AttributeRow.account_id == account_id, AttributeRow.name.in_(facts))
            .where(AttributeRow.replaced_at.is_(None))
            .values(replaced_at=now)
        )
        rows = [
            {
                "id": uuid7(now),
                "account_id": account_id,
                "name": name,
                "value_sealed": seal.seal_text(value, context=f"attribute {account_id} {name}"),
                "source": source,
                "method": SELF,
                "at": now,
            }
            for name, value in facts.items()
            if value
        ]
        if rows:
            connection.execute(insert(AttributeRow), rows)
        return retired.rowcount

    def switch(
        self, connection: Connection, account_id: UUID, *, now: datetime, **columns: bool | str
    ) -> None:
        """Turn switches (``allows_sms``, ``asks_new_portals``, ``language``).

        Raises ``LastMethodError`` when nothing is left that opens the account.
        """
        lock(connection, self._vault, account_id)
        connection.execute(update(AccountRow).where(AccountRow.id == account_id).values(**columns))
        is_less = columns.get("allows_sms") is False
        if is_less and not can_sign_in(connection, account_id, self._seconds, now=now):
            raise LastMethodError("method.last")

    def set_password(
        self, connection: Connection, account_id: UUID, hashed: str, *, now: datetime
    ) -> None:
        """Give the account this password, whether or not it had one."""
        lock(connection, self._vault, account_id)
        changed = connection.execute(
            update(PasswordRow)
            .where(PasswordRow.account_id == account_id)
            .values(hash=hashed, at=now)
        )
        if not changed.rowcount:
            row = {"account_id": account_id, "hash": hashed, "at": now}
            connection.execute(insert(PasswordRow).values(row))

    # --- sessions -------------------------------------------------------------------------------

    def end_all(
        self,
        connection: Connection,
        account_id: UUID,
        reason: str,
        *,
        keep: UUID | None = None,
        now: datetime,
    ) -> None:
        """End every session but ``keep``, and every grant that is not of that session."""
        self._endings.account(connection, account_id, reason, keep=keep, now=now)

    # --- status ---------------------------------------------------------------------------------

    def freeze(self, connection: Connection, account_id: UUID, *, now: datetime) -> bool:
        """Let nobody in; answers whether this is what froze it.

        A wish to close it is forgotten: who says "it was not me" may not lose the account for it.
        """
        changed = connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.status == AccountStatus.ACTIVE)
            .values(status=AccountStatus.FROZEN, frozen_at=now, held_until=None, closes_at=None)
        )
        connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.status == AccountStatus.FROZEN)
            .where(AccountRow.frozen_at.is_(None))
            .values(frozen_at=now, closes_at=None)
        )
        self.end_all(connection, account_id, "frozen", now=now)
        return bool(changed.rowcount)

    def thaw(self, connection: Connection, account_id: UUID) -> bool:
        """The owner is back; answers whether the account is open again.

        What an operator stopped stays closed: a phone proves nothing about whose account it is.
        """
        connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.stopped_at.is_not(None))
            .values(frozen_at=None)
        )
        changed = connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.status == AccountStatus.FROZEN)
            .where(AccountRow.stopped_at.is_(None))
            .values(status=AccountStatus.ACTIVE, frozen_at=None, held_until=None)
        )
        return bool(changed.rowcount)

    def stop(self, connection: Connection, account_id: UUID, *, now: datetime) -> bool:
        """An operator lets nobody in; answers whether this is what stopped it.

        Nothing is erased while it is in dispute whose the account is.
        """
        changed = connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.stopped_at.is_(None))
            .where(AccountRow.status.in_((AccountStatus.ACTIVE, AccountStatus.FROZEN)))
            .values(status=AccountStatus.FROZEN, stopped_at=now, held_until=None, closes_at=None)
        )
        self.end_all(connection, account_id, "frozen", now=now)
        return bool(changed.rowcount)

    def release(self, connection: Connection, account_id: UUID) -> bool:
        """End what an operator stopped; answers whether it was.

        What its owner froze as well stays frozen.
        """
        changed = connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.status == AccountStatus.FROZEN)
            .where(AccountRow.stopped_at.is_not(None))
            .values(
                stopped_at=None,
                status=case(
                    (AccountRow.frozen_at.is_(None), AccountStatus.ACTIVE.value),
                    else_=AccountStatus.FROZEN.value,
                ),
            )
        )
        return bool(changed.rowcount)

    def hold(self, connection: Connection, account_id: UUID, *, until: datetime) -> None:
        """Let sensitive changes wait (S23)."""
        connection.execute(
            update(AccountRow).where(AccountRow.id == account_id).values(held_until=until)
        )

    def close_at(self, connection: Connection, account_id: UUID, at: datetime | None) -> None:
        """When to close it, or never. Raises ``Conflict`` unless it is active."""
        changed = connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.status == AccountStatus.ACTIVE)
            .values(closes_at=at)
        )
        if not changed.rowcount:
            raise Conflict("account.gone")

    def due(self, *, now: datetime, limit: int = 100) -> tuple[UUID, ...]:
        """Accounts whose waiting period is over."""
        query = (
            select(AccountRow.id)
            .where(AccountRow.closes_at <= now, AccountRow.status == AccountStatus.ACTIVE)
            .limit(limit)
        )
        with self._database.transaction() as connection:
            return tuple(connection.scalars(query))

    def close(self, connection: Connection, account_id: UUID, *, now: datetime) -> None:
        """Erase everything personal. Raises ``Conflict`` when it is closed or wanted again.

        The key of the account's data goes as well, so what older backups hold cannot be read;
        ``sub`` values are derived from the account's id, which is never given again.
        """
        changed = connection.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.status == AccountStatus.ACTIVE)
            .where(AccountRow.closes_at <= now)
            .values(status=AccountStatus.CLOSED, data_key=b"", closes_at=None)
        )
        if not changed.rowcount:
            raise Conflict("account.gone")
        self.end_all(connection, account_id, "closed", now=now)
        connection.execute(
            update(IdentifierRow)
            .where(IdentifierRow.account_id == account_id)
            .values(retired_at=now, value_index=b"", value_sealed=b"")
        )
        for row in (
            AttributeRow,
            PasswordRow,
            PhoneRow,
            ConsentRow,
            CredentialRow,
            RepresentativeRow,
        ):
            connection.execute(delete(row).where(row.account_id == account_id))
        connection.execute(
            update(EvidenceRow)
            .where(EvidenceRow.account_id == account_id)
            .values(ended_at=now, reference_sealed=b"")
        )
        connection.execute(
            update(SessionRow).where(SessionRow.account_id == account_id).values(device_sealed=b"")
        )
