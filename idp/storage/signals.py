"""The queue of security events: written with the change that causes them, gone when received.

An event goes into every stream of every portal that is connected with the account (a consent or a
grant that stands) and has asked for that kind of event. Nothing personal stands in a row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, delete, exists, func, insert, or_, select

from idp.domain.events import AuditEvent
from idp.domain.ids import uuid7
from idp.domain.signals import Signal, SignalType, signals_of
from idp.storage.database import Database
from idp.storage.models import ConsentRow, GrantRow, SignalRow, StreamRow
from idp.storage.streams import Status

MOST_WAITING = 10_000
"""Events that one stream may hold; a new one pushes the oldest out."""
_OVERFLOW_SLACK = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event of a stream; ``account_id`` is None when it is about the stream itself."""

    id: UUID
    account_id: UUID | None
    type: SignalType
    details: dict[str, Any]
    claims: tuple[str, ...]
    sid: str
    at: datetime


class _Kept(msgspec.Struct, frozen=True):
    """An event as it stands in the row."""

    details: dict[str, Any] = {}
    claims: tuple[str, ...] = ()
    sid: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode
_decode_names = msgspec.json.Decoder(list[str]).decode


def of_audit(connection: Connection, event: AuditEvent) -> None:
    """What portals hear of a line of history, in its transaction."""
    found = signals_of(event)
    if found and event.account_id is not None:
        add(connection, event.account_id, found, now=event.at)


def add(
    connection: Connection,
    account_id: UUID,
    signals: Sequence[Signal],
    *,
    client_id: str | None = None,
    now: datetime,
) -> None:
    """Put events about an account into the streams that want them.

    ``client_id`` names the only portal that the events are for: one that just lost its grant.
    """
    streams = connection.execute(_streams_of(account_id, client_id, now)).all()
    rows = [
        _row(stream.id, signal, account_id, now)
        for stream in streams
        for signal in signals
        if signal.type in _decode_names(stream.events_requested)
    ]
    if rows:
        connection.execute(insert(SignalRow), rows)
        for stream_id in {row["stream_id"] for row in rows}:
            _drop_overflow(connection, stream_id)


def add_about_stream(
    connection: Connection, stream_id: UUID, signal: Signal, *, now: datetime
) -> None:
    """Put an event about a stream into it: verification, stream-updated."""
    connection.execute(insert(SignalRow).values(_row(stream_id, signal, None, now)))
    _drop_overflow(connection, stream_id)


def _streams_of(account_id: UUID, client_id: str | None, now: datetime) -> Any:  # noqa: ANN401
    query = select(StreamRow.id, StreamRow.events_requested).where(
        StreamRow.status != Status.DISABLED
    )
    if client_id is not None:
        return query.where(StreamRow.client_id == client_id)
    consented = exists().where(
        ConsentRow.account_id == account_id,
        ConsentRow.client_id == StreamRow.client_id,
        ConsentRow.revoked_at.is_(None),
    )
    granted = exists().where(
        GrantRow.account_id == account_id,
        GrantRow.client_id == StreamRow.client_id,
        GrantRow.revoked_at.is_(None),
        GrantRow.expires_at > now,
    )
    return query.where(or_(consented, granted))


def _row(
    stream_id: UUID, signal: Signal, account_id: UUID | None, now: datetime
) -> dict[str, object]:
    kept = _Kept(dict(signal.details), signal.claims, signal.sid)
    return {
        "id": uuid7(now),
        "stream_id": stream_id,
        "account_id": account_id,
        "event": signal.type,
        "details": _encode(kept).decode(),
        "at": now,
    }


def _drop_overflow(connection: Connection, stream_id: object) -> None:
    """Keep the newest: an old event says less than one that came after it."""
    of_stream = SignalRow.stream_id == stream_id
    count = connection.scalar(select(func.count()).where(of_stream)) or 0
    if count > MOST_WAITING:
        oldest = select(SignalRow.id).where(of_stream).order_by(SignalRow.id)
        connection.execute(
            delete(SignalRow).where(
                SignalRow.id.in_(oldest.limit(count - MOST_WAITING + _OVERFLOW_SLACK))
            )
        )


class SignalStore:
    """What waits in streams, for those who deliver it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, stream_id: UUID, status: Status, *, limit: int) -> list[Waiting]:
        """The oldest events, in order. A stream that is not enabled gives only news of itself."""
        query = select(SignalRow).where(SignalRow.stream_id == stream_id)
        if status is not Status.ENABLED:
            query = query.where(SignalRow.event == SignalType.STREAM_UPDATED)
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(SignalRow.id).limit(limit)).all()
        return [_to_domain(row) for row in rows]

    def remove(self, stream_id: UUID, ids: Collection[UUID]) -> int:
        """Forget events that were received, or that nobody wants; answers how many there were."""
        if not ids:
            return 0
        statement = delete(SignalRow).where(
            SignalRow.stream_id == stream_id, SignalRow.id.in_(list(ids))
        )
        with self._database.transaction() as connection:
            return connection.execute(statement).rowcount

    def expire(self, *, before: datetime) -> int:
        """Forget events that nobody fetched in time."""
        with self._database.transaction() as connection:
            return connection.execute(delete(SignalRow).where(SignalRow.at < before)).rowcount


def _to_domain(row: Any) -> Waiting:  # noqa: ANN401  a row has the model's columns
    kept = _decode(row.details)
    return Waiting(
        row.id,
        row.account_id,
        SignalType(row.event),
        kept.details,
        kept.claims,
        kept.sid,
        row.at,
    )
