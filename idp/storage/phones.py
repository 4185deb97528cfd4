"""The numbers that receive codes: five at most, one of them the default (R68)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update

from idp.domain.errors import Conflict, LastMethodError
from idp.domain.ids import uuid7
from idp.domain.subjects import PhoneNumber
from idp.storage import contact_phones
from idp.storage.models import PhoneRow
from idp.storage.vault import Seal, Vault
from idp.storage.ways_in import Seconds, can_sign_in, lock

MOST = 5
"""Phones of one account (security.md)."""


class PhoneStore:
    """The phones of all accounts. Every change locks its account first."""

    def __init__(self, vault: Vault, seconds: Seconds) -> None:
        self._vault, self._seconds = vault, seconds

    def add(
        self, connection: Connection, account_id: UUID, number: PhoneNumber, *, now: datetime
    ) -> UUID:
        """Add a confirmed number; the first one is the default.

        Raises ``Conflict('phone.taken')`` when the account has it, ``Conflict('phone.limit')``.
        """
        seal = lock(connection, self._vault, account_id)
        count = connection.scalar(
            select(func.count()).where(PhoneRow.account_id == account_id, _STANDING)
        )
        if connection.scalar(select(PhoneRow.id).where(*self._is(account_id, number))):
            raise Conflict("phone.taken")
        if count and count >= MOST:
            raise Conflict("phone.limit")
        return self._insert(connection, account_id, number, seal, is_default=not count, now=now)

    def make_default(self, connection: Connection, account_id: UUID, phone_id: UUID) -> PhoneNumber:
        """Let this one receive the codes. Raises ``Conflict('phone.gone')``."""
        seal = lock(connection, self._vault, account_id)
        # The former default goes first: the index allows one at every moment.
        connection.execute(
            update(PhoneRow)
            .where(PhoneRow.account_id == account_id, PhoneRow.is_default, _STANDING)
            .values(is_default=False)
        )
        sealed = connection.scalar(
            update(PhoneRow)
            .where(PhoneRow.id == phone_id, PhoneRow.account_id == account_id, _STANDING)
            .values(is_default=True)
            .returning(PhoneRow.number_sealed)
        )
        return _number(seal, phone_id, sealed)

    def remove(
        self, connection: Connection, account_id: UUID, phone_id: UUID, *, now: datetime
    ) -> PhoneNumber:
        """Remove one; answers its number.

        Raises ``Conflict('phone.gone')``, ``Conflict('phone.default')`` when another one has to
        be made the default first (S8), ``LastMethodError`` when nothing else opens the account.
        """
        seal = lock(connection, self._vault, account_id)
        found = connection.execute(
            update(PhoneRow)
            .where(PhoneRow.id == phone_id, PhoneRow.account_id == account_id, _STANDING)
            .values(removed_at=now)
            .returning(PhoneRow.number_sealed, PhoneRow.is_default)
        ).first()
        if found is None:
            raise Conflict("phone.gone")
        others = connection.scalar(
            select(func.count()).where(PhoneRow.account_id == account_id, _STANDING)
        )
        if found.is_default and others:
            raise Conflict("phone.default")
        if not can_sign_in(connection, account_id, self._seconds, now=now):
            raise LastMethodError("method.last")
        return _number(seal, phone_id, found.number_sealed)

    def replace(  # noqa: PLR0913  keywords: what replaces what
        self,
        connection: Connection,
        account_id: UUID,
        old: PhoneNumber,
        new: PhoneNumber,
        *,
        source: str,
        now: datetime,
    ) -> bool:
        """Let ``new`` be the default in the place of the lost ``old`` (R50).

        ``source`` is who said whose the new number is. Answers whether the contact phone was the
        old one and follows. Raises ``Conflict('phone.gone')`` when ``old`` is not the account's
        any more: of many at once one wins.
        """
        seal = lock(connection, self._vault, account_id)
        known = connection.scalar(select(PhoneRow.id).where(*self._is(account_id, new)))
        new_id = known or uuid7(now)
        connection.execute(
            update(PhoneRow)
            .where(PhoneRow.account_id == account_id, PhoneRow.is_default, _STANDING)
            .values(is_default=False)
        )
        gone = connection.execute(
            update(PhoneRow)
            .where(*self._is(account_id, old))
            .values(removed_at=now, replaced_by=new_id)
        )
        if not gone.rowcount or old == new:
            raise Conflict("phone.gone")
        if known is None:
            self._insert(connection, account_id, new, seal, is_default=True, now=now, id_=new_id)
        else:
            connection.execute(update(PhoneRow).where(PhoneRow.id == known).values(is_default=True))
        return contact_phones.follow(
            connection, account_id, seal, old=old, new=new, source=source, now=now
        )

    def restore(
        self, connection: Connection, account_id: UUID, *, since: datetime, now: datetime
    ) -> tuple[tuple[PhoneNumber, ...], bool]:
        """Undo the replacements made after ``since``.

        Answers the numbers that are back, and whether the contact phone is with them.
        """
        seal = lock(connection, self._vault, account_id)
        replaced = connection.execute(
            select(PhoneRow.id, PhoneRow.number_sealed, PhoneRow.replaced_by)
            .where(PhoneRow.account_id == account_id, PhoneRow.replaced_by.is_not(None))
            .where(PhoneRow.removed_at > since)
            .order_by(PhoneRow.removed_at.desc())
        ).all()
        if not replaced:
            return (), False
        newer = [row.replaced_by for row in replaced]
        connection.execute(
            update(PhoneRow)
            .where(PhoneRow.id.in_(newer), PhoneRow.verified_at > since)
            .values(removed_at=now, replaced_by=None, is_default=False)
        )
        connection.execute(
            update(PhoneRow)
            .where(PhoneRow.account_id == account_id, PhoneRow.is_default)
            .values(is_default=False)
        )
        # The oldest of a chain of replacements is the number that was there before all of them.
        back = [row for row in replaced if row.id not in newer]
        for row in back:
            connection.execute(
                update(PhoneRow)
                .where(PhoneRow.id == row.id)
                .values(removed_at=None, replaced_by=None, is_default=row is back[-1])
            )
        numbers = tuple(_number(seal, row.id, row.number_sealed) for row in back)
        return numbers, contact_phones.come_back(connection, account_id, since=since, now=now)

    @staticmethod
    def report_lost(
        connection: Connection, account_id: UUID, lost: Collection[UUID], *, now: datetime
    ) -> int:
        """Their owner has them no more; answers how many of them are this account's."""
        reported = connection.execute(
            update(PhoneRow)
            .where(PhoneRow.account_id == account_id, PhoneRow.id.in_(lost), _STANDING)
            .where(PhoneRow.lost_at.is_(None))
            .values(lost_at=now)
        )
        return reported.rowcount

    def find_again(self, connection: Connection, account_id: UUID, phone_id: UUID) -> PhoneNumber:
        """Its owner has it back. Raises ``Conflict('phone.gone')``."""
        seal = lock(connection, self._vault, account_id)
        sealed = connection.scalar(
            update(PhoneRow)
            .where(PhoneRow.id == phone_id, PhoneRow.account_id == account_id, _STANDING)
            .where(PhoneRow.lost_at.is_not(None))
            .values(lost_at=None)
            .returning(PhoneRow.number_sealed)
        )
        return _number(seal, phone_id, sealed)

    def _is(self, account_id: UUID, number: PhoneNumber) -> tuple[Any, ...]:
        index = self._vault.index("phone", number.e164)
        return (PhoneRow.account_id == account_id, PhoneRow.number_index == index, _STANDING)

    def _insert(  # noqa: PLR0913  keywords, one per column
        self,
        connection: Connection,
        account_id: UUID,
        number: PhoneNumber,
        seal: Seal,
        *,
        is_default: bool,
        now: datetime,
        id_: UUID | None = None,
    ) -> UUID:
        phone_id = id_ or uuid7(now)
        row = {
            "id": phone_id,
            "account_id": account_id,
            "number_index": self._vault.index("phone", number.e164),
            "number_sealed": seal.seal_text(number.e164, context=f"phone {phone_id}"),
            "is_default": is_default,
            "verified_at": now,
        }
        connection.execute(insert(PhoneRow).values(row))
        return phone_id


_STANDING = PhoneRow.removed_at.is_(None)


def _number(seal: Seal, phone_id: UUID, sealed: bytes | None) -> PhoneNumber:
    if sealed is None:
        raise Conflict("phone.gone")
    return PhoneNumber(seal.open_text(bytes(sealed), context=f"phone {phone_id}"))
