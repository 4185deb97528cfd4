"""Complaints: somebody says that an account with their number is not theirs (R14, S4)."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Connection, insert, select, update

from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.storage.database import Database
from idp.storage.models import ComplaintRow
from idp.storage.vault import Vault

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class ComplaintStatus(enum.StrEnum):
    """Where a complaint stands; the person's text is ``complaint.status.<value>``."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Content(msgspec.Struct, frozen=True):
    """What was complained about, and what was answered. Sealed.

    ``has_stopped`` says that an operator closed the account because of it.
    """

    ticket: str
    id_number: str
    full_name: str
    phone: str
    text: str
    answer: str = ""
    has_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as claimant and operator see it."""

    id: UUID
    status: ComplaintStatus
    content: Content
    created_at: datetime
    updated_at: datetime


class ComplaintStore:
    """The complaints; found by their ticket number, which only the claimant has."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, connection: Connection, content: Content, *, now: datetime) -> str:
        """Keep it; answers its ticket number."""
        parts = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))
        ticket = "KN-" + "-".join(parts)
        complaint_id = uuid7(now)
        row = {
            "id": complaint_id,
            "ticket_index": self._vault.index("ticket", ticket),
            "phone_index": self._vault.index("complaint", content.phone),
            "status": ComplaintStatus.RECEIVED,
            "content_sealed": self._seal(
                complaint_id, msgspec.structs.replace(content, ticket=ticket)
            ),
            "created_at": now,
            "updated_at": now,
        }
        connection.execute(insert(ComplaintRow).values(row))
        return ticket

    def find(self, ticket: str) -> Complaint | None:
        """The complaint of a ticket number."""
        index = self._vault.index("ticket", ticket)
        with self._database.transaction() as connection:
            row = connection.execute(
                select(ComplaintRow).where(ComplaintRow.ticket_index == index)
            ).first()
        return self._open(row) if row else None

    def of_claimant(
        self, phones: Iterable[PhoneNumber], numbers: Collection[IdNumber]
    ) -> tuple[Complaint, ...]:
        """What somebody complained about, oldest first.

        The claimant is who answered a code on the phone, about a number of their own. An account
        that has the number only may be the very one that the complaint is about: it learns nothing.
        """
        indexes = [self._vault.index("complaint", phone.e164) for phone in phones]
        query = (
            select(ComplaintRow)
            .where(ComplaintRow.phone_index.in_(indexes))
            .order_by(ComplaintRow.id)
        )
        own = {number.value for number in numbers}
        with self._database.transaction() as connection:
            found = [self._open(row) for row in connection.execute(query)]
        return tuple(each for each in found if each.content.id_number in own)

    def get(self, complaint_id: UUID) -> Complaint | None:
        """A complaint of the operators' list."""
        with self._database.transaction() as connection:
            row = connection.execute(
                select(ComplaintRow).where(ComplaintRow.id == complaint_id)
            ).first()
        return self._open(row) if row else None

    def mark_stopped(self, connection: Connection, found: Complaint, *, now: datetime) -> None:
        """Remember that it closed the account. Raises ``Conflict`` when it was answered."""
        content = msgspec.structs.replace(found.content, has_stopped=True)
        changed = connection.execute(
            update(ComplaintRow)
            .where(ComplaintRow.id == found.id, ComplaintRow.status == ComplaintStatus.RECEIVED)
            .values(content_sealed=self._seal(found.id, content), updated_at=now)
        )
        if not changed.rowcount:
            raise Conflict("complaint.answered")

    def waiting(self) -> tuple[Complaint, ...]:
        """Those that nobody has answered, oldest first."""
        query = (
            select(ComplaintRow)
            .where(ComplaintRow.status == ComplaintStatus.RECEIVED)
            .order_by(ComplaintRow.id)
        )
        with self._database.transaction() as connection:
            return tuple(self._open(row) for row in connection.execute(query))

    def answer(
        self,
        connection: Connection,
        found: Complaint,
        status: ComplaintStatus,
        text: str,
        *,
        now: datetime,
    ) -> None:
        """Decide it, once: a second decision is a ``Conflict``."""
        content = msgspec.structs.replace(found.content, answer=text)
        changed = connection.execute(
            update(ComplaintRow)
            .where(ComplaintRow.id == found.id, ComplaintRow.status == ComplaintStatus.RECEIVED)
            .values(status=status, content_sealed=self._seal(found.id, content), updated_at=now)
        )
        if not changed.rowcount:
            raise Conflict("complaint.answered")

    def _seal(self, complaint_id: UUID, content: Content) -> bytes:
        return self._vault.seal(msgspec.json.encode(content), context=f"complaint {complaint_id}")

    def _open(self, row: object) -> Complaint:
        found: ComplaintRow = row  # type: ignore[assignment]  # a row with the columns of that table
        data = self._vault.open(bytes(found.content_sealed), context=f"complaint {found.id}")
        return Complaint(
            found.id,
            ComplaintStatus(found.status),
            msgspec.json.decode(data, type=Content),
            found.created_at,
            found.updated_at,
        )
