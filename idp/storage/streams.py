"""Streams of security events: what each portal asked for and how it gets it (SSF 1.0, section 8).

One worker at a time has a push stream, for a lease, so its events go out once and in order. How
many streams a client has is a slot in a unique index: of two at once in the last slot one wins.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from idp.domain.ids import uuid7
from idp.domain.signals import SignalType
from idp.storage.database import Database
from idp.storage.models import RemovedSubjectRow, SignalRow, StreamRow
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

MOST_STREAMS = 5
MOST_REMOVED = 100_000
_TOUCH_EVERY = timedelta(minutes=1)
_REMOVE = Statement("""
    INSERT INTO removed_subjects (stream_id, sub) SELECT :stream_id, :sub
    WHERE (SELECT COUNT(*) FROM removed_subjects WHERE stream_id = :stream_id) < :most
    ON CONFLICT (stream_id, sub) DO NOTHING RETURNING sub
""")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class Status(enum.StrEnum):
    """What a stream does (SSF, 8.1.2.1): deliver, hold, or forget."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. ``endpoint_url`` is the receiver's and empty where it polls."""

    id: UUID
    client_id: str
    is_push: bool
    endpoint_url: str
    authorization_header: str
    events_requested: tuple[str, ...]
    description: str | None
    status: Status = Status.ENABLED
    reason: str | None = None
    failures: int = 0


class StreamStore:
    """The streams."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    # --- managing -------------------------------------------------------------------------------

    def add(self, stream: Stream, *, now: datetime) -> Stream | None:
        """Keep a new stream; None when the client has all it may have."""
        made = replace(stream, id=uuid7(now))
        for slot in range(MOST_STREAMS):
            row = {
                "id": made.id,
                "slot": slot,
                "client_id": made.client_id,
                "status": made.status,
                "created_at": now,
                "active_at": now,
                "run_at": now,
                "failures": 0,
                **self._columns(made),
            }
            try:
                with self._database.transaction() as connection:
                    taken = exists().where(
                        StreamRow.client_id == made.client_id, StreamRow.slot == slot
                    )
                    if not connection.scalar(select(taken)):
                        connection.execute(insert(StreamRow).values(row))
                        return made
            except IntegrityError:
                continue  # somebody took that slot a moment ago
        return None

    def find(self, client_id: str, stream_id: UUID) -> Stream | None:
        """A client's own stream."""
        query = select(StreamRow).where(StreamRow.id == stream_id, StreamRow.client_id == client_id)
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return self._to_domain(row) if row else None

    def of_client(self, client_id: str) -> tuple[Stream, ...]:
        """All streams of a client, oldest first."""
        query = select(StreamRow).where(StreamRow.client_id == client_id).order_by(StreamRow.id)
        with self._database.transaction() as connection:
            return tuple(self._to_domain(row) for row in connection.execute(query))

    def save(self, stream: Stream, *, now: datetime) -> None:
        """Keep changed properties; what waits is tried at once."""
        values = {**self._columns(stream), "run_at": now, "failures": 0}
        with self._database.transaction() as connection:
            connection.execute(update(StreamRow).where(StreamRow.id == stream.id).values(**values))

    def remove(self, client_id: str, stream_id: UUID) -> bool:
        """Delete a stream with all that waits in it; answers whether there was one."""
        statement = delete(StreamRow).where(
            StreamRow.id == stream_id, StreamRow.client_id == client_id
        )
        with self._database.transaction() as connection:
            return bool(connection.execute(statement).rowcount)

    def set_status(
        self, stream_id: UUID, status: Status, reason: str | None, *, now: datetime
    ) -> None:
        """As the receiver asks; a disabled stream holds nothing (SSF, 8.1.2.1)."""
        values = {"status": status, "reason": reason, "run_at": now, "failures": 0}
        with self._database.transaction() as connection:
            connection.execute(update(StreamRow).where(StreamRow.id == stream_id).values(**values))
            if status is Status.DISABLED:
                connection.execute(delete(SignalRow).where(SignalRow.stream_id == stream_id))

    def touch(self, client_id: str, stream_id: UUID | None, *, now: datetime) -> None:
        """The receiver was here (``inactivity_timeout``); noted at most once a minute."""
        statement = update(StreamRow).where(
            StreamRow.client_id == client_id, StreamRow.active_at < now - _TOUCH_EVERY
        )
        if stream_id is not None:
            statement = statement.where(StreamRow.id == stream_id)
        with self._database.transaction() as connection:
            connection.execute(statement.values(active_at=now))

    def may_verify(
        self, connection: Connection, stream_id: UUID, *, now: datetime, interval: timedelta
    ) -> bool:
        """Whether the last verification is long enough ago; if so, this is the last one now."""
        found = connection.execute(
            update(StreamRow)
            .where(
                StreamRow.id == stream_id,
                or_(StreamRow.verified_at.is_(None), StreamRow.verified_at <= now - interval),
            )
            .values(verified_at=now)
            .returning(StreamRow.id)
        )
        return found.first() is not None

    def end_inactive(
        self, connection: Connection, *, before: datetime, reason: str
    ) -> tuple[UUID, ...]:
        """Pause the streams whose receivers were not here since ``before``; answers which."""
        found = connection.execute(
            update(StreamRow)
            .where(StreamRow.status == Status.ENABLED, StreamRow.active_at < before)
            .values(status=Status.PAUSED, reason=reason)
            .returning(StreamRow.id)
        )
        return tuple(found.scalars())

    # --- subjects -------------------------------------------------------------------------------

    def remove_subject(self, stream_id: UUID, sub: str) -> bool:
        """Send nothing more about somebody; False when a stream has too many of them."""
        values = {"stream_id": stream_id, "sub": sub, "most": MOST_REMOVED}
        return bool(self._database.one(_REMOVE, values)) or bool(self.removed(stream_id, [sub]))

    def add_subject(self, stream_id: UUID, sub: str) -> None:
        """Send events about somebody again."""
        with self._database.transaction() as connection:
            connection.execute(
                delete(RemovedSubjectRow).where(
                    RemovedSubjectRow.stream_id == stream_id, RemovedSubjectRow.sub == sub
                )
            )

    def removed(self, stream_id: UUID, subs: Sequence[str]) -> frozenset[str]:
        """Which of these people the receiver does not want to hear about."""
        query = select(RemovedSubjectRow.sub).where(
            RemovedSubjectRow.stream_id == stream_id, RemovedSubjectRow.sub.in_(list(subs))
        )
        with self._database.transaction() as connection:
            return frozenset(connection.scalars(query))

    # --- delivering -----------------------------------------------------------------------------

    def claim(self, *, now: datetime, limit: int, lease: timedelta) -> list[Stream]:
        """Take push streams that have something to send, for as long as the lease."""
        sends = exists().where(
            SignalRow.stream_id == StreamRow.id,
            or_(
                StreamRow.status == Status.ENABLED,
                SignalRow.event == SignalType.STREAM_UPDATED,
            ),
        )
        is_free = or_(StreamRow.locked_until.is_(None), StreamRow.locked_until < now)
        due = (
            select(StreamRow.id)
            .where(StreamRow.is_push, StreamRow.run_at <= now, is_free, sends)
            .order_by(StreamRow.run_at)
            .limit(limit)
        )
        with self._database.transaction() as connection:
            # Two workers at once must not wait for one another, nor take the same stream.
            ids = list(connection.scalars(due.with_for_update(skip_locked=True)))
            if not ids:
                return []
            rows = connection.execute(
                update(StreamRow)
                .where(StreamRow.id.in_(ids))
                .values(locked_until=now + lease)
                .returning(StreamRow)
            )
            return [self._to_domain(row) for row in rows]

    def release(self, stream: Stream, outcome: str, *, run_at: datetime, failures: int) -> None:
        """Let it go; again at ``run_at``. The outcome stays for operators."""
        values = {
            "locked_until": None,
            "run_at": run_at,
            "failures": failures,
            "outcome": outcome,
        }
        with self._database.transaction() as connection:
            connection.execute(update(StreamRow).where(StreamRow.id == stream.id).values(**values))

    # --- rows -----------------------------------------------------------------------------------

    def _columns(self, stream: Stream) -> dict[str, object]:
        sealed = None
        if stream.authorization_header:
            sealed = self._vault.seal_text(
                stream.authorization_header, context=f"stream {stream.id}"
            )
        return {
            "is_push": stream.is_push,
            "endpoint_url": stream.endpoint_url,
            "authorization_sealed": sealed,
            "events_requested": _encode(stream.events_requested).decode(),
            "description": stream.description,
        }

    def _to_domain(self, row: Any) -> Stream:  # noqa: ANN401  a row has the model's columns
        sealed = row.authorization_sealed
        return Stream(
            row.id,
            row.client_id,
            row.is_push,
            row.endpoint_url,
            self._vault.open_text(sealed, context=f"stream {row.id}") if sealed else "",
            _decode(row.events_requested),
            row.description,
            Status(row.status),
            row.reason,
            row.failures,
        )
