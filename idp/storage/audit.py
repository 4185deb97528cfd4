"""The audit: rows are only added; a chain over them shows any that was changed or removed.

A row carries a keyed MAC when it is written, so it cannot be forged without the master secret.
The worker links the rows in order: each link is the hash of the link before and the row's MAC.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Select, and_, insert, select
from sqlalchemy.exc import IntegrityError

from idp.domain.events import AuditEvent, Event
from idp.domain.ids import NOBODY, earlier, uuid7
from idp.storage import signals
from idp.storage.database import Database, as_uuid
from idp.storage.models import AuditRow, AuditSealRow, milliseconds, moment
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

_FIRST = bytes(32)
BATCH = 1000
"""So many rows at a time."""

_NEWEST_SEALED = Statement("SELECT audit_id FROM audit_seals ORDER BY number DESC LIMIT 1")
_WAITING = Statement("""
    SELECT COUNT(*), MIN(at) FROM (
      SELECT audit.at FROM audit
      LEFT JOIN audit_seals ON audit_seals.audit_id = audit.id AND audit_seals.audit_id >= :first
      WHERE audit_seals.number IS NULL AND audit.id >= :first
      ORDER BY audit.id LIMIT :most
    ) AS waiting
""")
_NOTHING = (0, _FIRST, NOBODY)
"""What stands before the first link."""


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold: number of the link, and what is wrong."""

    number: int
    fault: str


@dataclass(frozen=True, slots=True)
class Linked:
    """One row with its place in the chain: ``hash`` is SHA-256 of the hash before and ``mac``."""

    number: int
    hash: bytes
    mac: bytes
    event: AuditEvent


class AuditStore:
    """The audit of everything that matters."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, connection: Connection, event: AuditEvent) -> None:
        """Write a row in the transaction of what it reports; portals hear of it (signals)."""
        connection.execute(insert(AuditRow).values(self._row(event)))
        signals.of_audit(connection, event)

    def add_first(self, connection: Connection, events: Iterable[AuditEvent]) -> None:
        """The first rows of many accounts, in one statement: no portal knows them yet."""
        connection.execute(insert(AuditRow), [self._row(event) for event in events])

    def _row(self, event: AuditEvent) -> dict[str, Any]:
        row_id = uuid7(event.at)
        details = msgspec.json.encode(dict(event.details))
        row = {
            "id": row_id,
            "at": event.at,
            "event": event.event,
            "account_id": event.account_id,
            "actor_id": event.actor_id or event.account_id,
            "client_id": event.client_id,
            "session_id": event.session_id,
            "details_sealed": self._vault.seal(details, context=f"audit {row_id}"),
        }
        return row | {"mac": self._mac(**row)}

    def of_account(
        self,
        account_id: UUID,
        *,
        since: datetime | None = None,
        before: datetime | None = None,
        events: Collection[Event] | None = None,
        limit: int = 100,
    ) -> tuple[AuditEvent, ...]:
        """What happened to an account, newest first; from ``since``, earlier than ``before``."""
        query = (
            select(AuditRow)
            .where(AuditRow.account_id == account_id)
            .order_by(AuditRow.id.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(AuditRow.at >= since)
        if before is not None:
            query = query.where(AuditRow.at < before)
        if events is not None:
            query = query.where(AuditRow.event.in_([str(event) for event in events]))
        with self._database.transaction() as connection:
            return tuple(self._to_domain(row) for row in connection.execute(query))

    def seal_pending(self, *, late: timedelta | None = None) -> int:
        """Link the rows that are not linked yet; answers how many. One worker at a time wins.

        With ``late`` only rows are looked for that are at most so much older than the newest link,
        which costs the same however long the audit is; without, the whole audit is searched.
        """
        last = select(AuditSealRow.number, AuditSealRow.hash, AuditSealRow.audit_id).order_by(
            AuditSealRow.number.desc()
        )
        try:
            with self._database.transaction() as connection:
                number, link, newest = connection.execute(last.limit(1)).one_or_none() or _NOTHING
                first = NOBODY if late is None else earlier(newest, late)
                rows = []
                for audit_id, mac in connection.execute(_unsealed(first)):
                    number, link = number + 1, _link(link, mac)
                    rows.append({"number": number, "audit_id": audit_id, "hash": link})
                if rows:
                    connection.execute(insert(AuditSealRow), rows)
                return len(rows)
        except IntegrityError:
            return 0

    def unsealed(self, *, most: int, late: timedelta) -> tuple[int, datetime | None]:
        """How many rows are not linked yet, ``most`` at most, and when the oldest was written."""
        found = self._database.one(_NEWEST_SEALED, {})
        first = earlier(as_uuid(found[0][0]), late) if found else NOBODY
        [(count, oldest)] = self._database.one(_WAITING, {"first": first, "most": most})
        return count, moment(oldest) if count else None

    def length(self) -> int:
        """How many rows are linked."""
        query = select(AuditSealRow.number).order_by(AuditSealRow.number.desc()).limit(1)
        with self._database.transaction() as connection:
            return connection.scalar(query) or 0

    def export(self) -> Iterator[Linked]:
        """Every linked row in order, as it stands; whether the chain holds is ``verify``'s."""
        number = 0
        while True:
            query = (
                select(AuditSealRow.number, AuditSealRow.hash, AuditRow)
                .join(AuditRow, AuditRow.id == AuditSealRow.audit_id)
                .where(AuditSealRow.number > number)
                .order_by(AuditSealRow.number)
                .limit(BATCH)
            )
            with self._database.transaction() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            for row in rows:
                number = row.number
                yield Linked(number, row.hash, row.mac, self._to_domain(row))

    def verify(self, progress: Callable[[int], None] = lambda _: None) -> Break | None:
        """The first break of the chain, or None when every linked row is as it was written."""
        number, link = 0, _FIRST
        while True:
            query = (
                select(AuditSealRow.number, AuditSealRow.hash, AuditRow)
                .outerjoin(AuditRow, AuditRow.id == AuditSealRow.audit_id)
                .where(AuditSealRow.number > number)
                .order_by(AuditSealRow.number)
                .limit(BATCH)
            )
            with self._database.transaction() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return None
            for row in rows:
                number += 1
                fault = self._fault(row, number, link)
                if fault:
                    return Break(number, fault)
                link = row.hash
            progress(number)

    def _fault(self, row: Any, number: int, link: bytes) -> str | None:  # noqa: ANN401  three tables
        if row.number != number:
            return "link missing"
        if row.id is None:
            return "row missing"
        columns = ("id", "at", "event", "account_id", "actor_id", "client_id", "session_id")
        mac = self._mac(
            **{name: getattr(row, name) for name in columns}, details_sealed=row.details_sealed
        )
        if not hmac.compare_digest(mac, row.mac):
            return "row changed"
        return None if _link(link, row.mac) == row.hash else "chain broken"

    def _mac(self, **row: object) -> bytes:
        parts = [_bytes(row[name]) for name in sorted(row)]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._vault.key("audit"), message, hashlib.sha256).digest()

    def _to_domain(self, row: object) -> AuditEvent:
        data: AuditRow = row  # type: ignore[assignment]  # a row has the model's columns
        details = self._vault.open(data.details_sealed, context=f"audit {data.id}")
        return AuditEvent(
            Event(data.event),
            data.at,
            data.account_id,
            data.actor_id,
            data.client_id,
            data.session_id,
            msgspec.json.decode(details, type=dict[str, str]),
        )


def _unsealed(first: UUID) -> Select[UUID, bytes]:
    """The rows from this id on that no link names; both tables are read from there only."""
    named = and_(AuditSealRow.audit_id == AuditRow.id, AuditSealRow.audit_id >= first)
    return (
        select(AuditRow.id, AuditRow.mac)
        .outerjoin(AuditSealRow, named)
        .where(AuditSealRow.number.is_(None), AuditRow.id >= first)
        .order_by(AuditRow.id)
        .limit(BATCH)
    )


def _link(before: bytes, mac: bytes) -> bytes:
    return hashlib.sha256(before + mac).digest()


def _bytes(value: object) -> bytes:
    match value:
        case None:
            return b"-"
        case bytes():
            return value
        case UUID():
            return value.bytes
        case datetime():
            return str(milliseconds(value)).encode()
        case _:
            return str(value).encode()
