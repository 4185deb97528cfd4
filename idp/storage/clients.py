"""Relying parties as stored: metadata as JSON, and a short memory of them in the process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from idp.domain.clients import Metadata
from idp.ports import Clock
from idp.storage.database import Database
from idp.storage.models import ClientRow, GrantRow, milliseconds
from idp.storage.prepared import Statement

_FIND = Statement(
    "SELECT metadata_json, secret_hash, expires_at FROM clients "
    "WHERE client_id = :id AND disabled_at IS NULL"
)
T = TypeVar("T")
_MEMORY_SECONDS = 2.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A client's row."""

    client_id: str
    metadata: Metadata
    secret_hash: bytes | None
    source: str
    is_disabled: bool = False
    until: datetime | None = None
    """When the word of its federation ends; None for every other client."""


def _now() -> datetime:
    return datetime.now(UTC)


class ClientStore(Generic[T]):
    """The clients, read through ``build`` into what the protocol works with.

    A client is remembered for two seconds, so a change is everywhere within the five that the
    rules allow; one that is unknown is always looked up.
    """

    def __init__(
        self,
        database: Database,
        build: Callable[[Metadata, bytes | None], T],
        *,
        timer: Callable[[], float] = time.monotonic,
        clock: Clock = _now,
    ) -> None:
        self._database, self._build, self._timer, self._clock = database, build, timer, clock
        self._memory: dict[str, tuple[float, T]] = {}

    def find(self, client_id: str) -> T | None:
        """The client of that id unless it is disabled, or its federation's word has ended."""
        now = self._timer()
        remembered = self._memory.get(client_id)
        if remembered and now - remembered[0] < _MEMORY_SECONDS:
            return remembered[1]
        rows = self._database.one(_FIND, {"id": client_id}) if "\0" not in client_id else []
        if not rows:
            self._memory.pop(client_id, None)
            return None
        [(metadata, secret_hash, expires_at)] = rows
        if expires_at is not None and expires_at <= milliseconds(self._clock()):
            self._memory.pop(client_id, None)
            return None
        client = self._build(msgspec.json.decode(metadata), secret_hash and bytes(secret_hash))
        if len(self._memory) >= _MOST_REMEMBERED:
            self._memory.clear()
        self._memory[client_id] = (now, client)
        return client

    def stored(self, client_id: str) -> StoredClient | None:
        """The row of a client that is not disabled, read anew."""
        where = ClientRow.client_id == client_id, ClientRow.disabled_at.is_(None)
        with self._database.transaction() as connection:
            row = connection.execute(select(ClientRow).where(*where)).first()
        if row is None:
            return None
        metadata = msgspec.json.decode(row.metadata_json)
        return StoredClient(row.client_id, metadata, row.secret_hash, row.source)

    def all(self) -> tuple[StoredClient, ...]:
        """Every row, in order of id."""
        with self._database.transaction() as connection:
            rows = connection.execute(select(ClientRow).order_by(ClientRow.client_id)).all()
        return tuple(
            StoredClient(
                row.client_id,
                msgspec.json.decode(row.metadata_json),
                row.secret_hash,
                row.source,
                row.disabled_at is not None,
                row.expires_at,
            )
            for row in rows
        )

    def is_known(self, client_id: str) -> bool:
        """Whether there is such a client, disabled or not."""
        query = select(ClientRow.client_id).where(ClientRow.client_id == client_id)
        with self._database.transaction() as connection:
            return "\0" not in client_id and connection.execute(query).first() is not None

    def save(self, connection: Connection, client: StoredClient, *, now: datetime) -> None:
        """Add a client, or put new metadata in its place; one that is disabled stays disabled."""
        values = {
            "metadata_json": msgspec.json.encode(client.metadata, order="sorted").decode(),
            "secret_hash": client.secret_hash,
            "source": client.source,
            "updated_at": now,
            "expires_at": None,
        }
        where = ClientRow.client_id == client.client_id
        if not connection.execute(update(ClientRow).where(where).values(values)).rowcount:
            connection.execute(insert(ClientRow).values({"client_id": client.client_id, **values}))

    def disable(self, connection: Connection, client_id: str, *, now: datetime) -> bool:
        """Refuse it and its tokens until it is enabled; False when nothing changed."""
        return self._switch(connection, client_id, ClientRow.disabled_at.is_(None), now)

    def enable(self, connection: Connection, client_id: str) -> bool:
        """Let it in again, with the grants it had; False when nothing changed."""
        return self._switch(connection, client_id, ClientRow.disabled_at.is_not(None), None)

    def _switch(
        self,
        connection: Connection,
        client_id: str,
        where: ColumnElement[bool],
        disabled_at: datetime | None,
    ) -> bool:
        changed = connection.execute(
            update(ClientRow)
            .where(ClientRow.client_id == client_id, where)
            .values(disabled_at=disabled_at)
        )
        self._memory.pop(client_id, None)
        return bool(changed.rowcount)

    def remove(self, connection: Connection, client_id: str, *, now: datetime) -> None:
        """Take a client out, and end every grant it has."""
        connection.execute(delete(ClientRow).where(ClientRow.client_id == client_id))
        connection.execute(
            update(GrantRow)
            .where(GrantRow.client_id == client_id, GrantRow.revoked_at.is_(None))
            .values(revoked_at=now, revoke_reason="client_removed")
        )
        self._memory.pop(client_id, None)
