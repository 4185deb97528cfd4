"""People whom an enterprise lets act for it (formats B.9, rule 5).

They are known by their number, so one can be named before they have an account. ``authorised`` is
the condition that every statement about a session or grant asks at that moment: an authorisation
that was revoked is gone with the commit, and so is one whose person's account is not active.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, false, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.subjects import IdKind, IdNumber
from idp.storage.database import Database
from idp.storage.endings import Endings
from idp.storage.models import (
    AccountRow,
    IdentifierRow,
    RepresentativeRow,
)
from idp.storage.vault import Seal, Vault
from idp.storage.ways_in import lock

MOST = 20
"""Representatives of one enterprise."""


def authorised(table: str) -> str:
    """That the actor of a row of ``table`` is the account itself, or may act for it now."""
    return f"""({table}.actor_id = {table}.account_id OR EXISTS (
      SELECT 1 FROM representatives r
      JOIN identifiers i ON i.kind = r.number_kind AND i.value_index = r.number_index
        AND i.retired_at IS NULL
      JOIN accounts p ON p.id = i.account_id AND p.status = 'active'
      WHERE r.account_id = {table}.account_id AND r.revoked_at IS NULL
        AND p.id = {table}.actor_id))"""  # noqa: S608  names of tables, from this package only


@dataclass(frozen=True, slots=True)
class Representative:
    """One of them, as the enterprise sees it."""

    id: UUID
    number: IdNumber
    name: str
    added_at: datetime


class RepresentativeStore:
    """The authorisations."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(
        self,
        connection: Connection,
        account_id: UUID,
        number: IdNumber,
        name: str,
        *,
        now: datetime,
    ) -> None:
        """Let somebody act for the enterprise.

        Raises ``Conflict``: ``representative.there``, ``representative.limit``.
        """
        seal = lock(connection, self._vault, account_id)
        standing = select(func.count()).where(
            RepresentativeRow.account_id == account_id, RepresentativeRow.revoked_at.is_(None)
        )
        if (connection.scalar(standing) or 0) >= MOST:
            raise Conflict("representative.limit")
        row_id = uuid7(now)
        about = json.dumps({"number": number.value, "name": name})
        row = {
            "id": row_id,
            "account_id": account_id,
            "number_kind": number.kind,
            "number_index": self._vault.index(number.kind, number.value),
            "about_sealed": seal.seal_text(about, context=f"representative {row_id}"),
            "added_at": now,
        }
        try:
            connection.execute(insert(RepresentativeRow).values(row))
        except IntegrityError as error:
            raise Conflict("representative.there") from error

    def standing(self, account_id: UUID) -> tuple[Representative, ...]:
        """Those of an enterprise, oldest first."""
        query = (
            select(RepresentativeRow, AccountRow.data_key)
            .join(AccountRow, AccountRow.id == RepresentativeRow.account_id)
            .where(
                RepresentativeRow.account_id == account_id, RepresentativeRow.revoked_at.is_(None)
            )
            .order_by(RepresentativeRow.id)
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return tuple(
            _open(self._vault.data_key(bytes(row.data_key), account_id), row) for row in rows
        )

    def enterprises(self, numbers: Iterable[IdNumber]) -> tuple[tuple[UUID, datetime], ...]:
        """Whom somebody with one of these numbers may act for, and since when."""
        query = (
            select(RepresentativeRow.account_id, RepresentativeRow.added_at)
            .where(RepresentativeRow.revoked_at.is_(None), or_(false(), *self._named(numbers)))
            .order_by(RepresentativeRow.id)
        )
        with self._database.transaction() as connection:
            return tuple((row.account_id, row.added_at) for row in connection.execute(query))

    def may_act(self, account_id: UUID, numbers: Iterable[IdNumber]) -> bool:
        """Whether somebody with one of these numbers may act for the enterprise."""
        query = select(RepresentativeRow.id).where(
            RepresentativeRow.account_id == account_id,
            RepresentativeRow.revoked_at.is_(None),
            or_(false(), *self._named(numbers)),
        )
        with self._database.transaction() as connection:
            return connection.scalar(query.limit(1)) is not None

    def _named(self, numbers: Iterable[IdNumber]) -> list[ColumnElement[bool]]:
        return [
            (RepresentativeRow.number_kind == number.kind)
            & (RepresentativeRow.number_index == self._vault.index(number.kind, number.value))
            for number in numbers
        ]

    def revoke(
        self, connection: Connection, account_id: UUID, row_id: UUID, *, now: datetime
    ) -> Representative:
        """End it, with every session and grant that rests on it.

        Raises ``Conflict('representative.gone')``.
        """
        seal = lock(connection, self._vault, account_id)
        row = connection.execute(
            update(RepresentativeRow)
            .where(
                RepresentativeRow.id == row_id,
                RepresentativeRow.account_id == account_id,
                RepresentativeRow.revoked_at.is_(None),
            )
            .values(revoked_at=now)
            .returning(RepresentativeRow)
        ).first()
        if row is None:
            raise Conflict("representative.gone")
        found = _open(seal, row)
        people = select(IdentifierRow.account_id).where(
            IdentifierRow.kind == found.number.kind,
            IdentifierRow.value_index == self._vault.index(found.number.kind, found.number.value),
            IdentifierRow.retired_at.is_(None),
        )
        Endings(self._database, self._vault).representative(
            connection, account_id, list(connection.scalars(people)), now=now
        )
        return found


def _open(seal: Seal, row: object) -> Representative:
    found: RepresentativeRow = row  # type: ignore[assignment]  # a row with the columns of the table
    text = seal.open_text(bytes(found.about_sealed), context=f"representative {found.id}")
    about = json.loads(text)
    number = IdNumber(IdKind(found.number_kind), about["number"])
    return Representative(found.id, number, about["name"], found.added_at)
