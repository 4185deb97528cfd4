"""Work for the outside: written with the change that causes it, delivered by a worker.

A job is claimed for a lease; a worker that dies lets it go when the lease ends, so a job may be
tried twice: receivers know it by its id (``idempotency_key``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Connection, insert

from idp.domain.ids import uuid7, written_at
from idp.storage.database import Database, as_uuid
from idp.storage.models import OutboxRow, milliseconds, moment
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

LOGOUT = "logout"
"""The kind of a back-channel logout; every other kind is a message to a person."""

_WAITING = f"""
    SELECT id FROM outbox WHERE done_at IS NULL AND run_at <= :now
      AND (kind = '{LOGOUT}') = :for_portals
      AND (locked_until IS NULL OR locked_until < :now) ORDER BY run_at LIMIT :limit
"""  # noqa: S608  constants of this file only
_CLAIM = """
    UPDATE outbox SET locked_until = :until, attempts = attempts + 1
    WHERE id IN ({waiting}) RETURNING id, kind, payload_sealed, attempts, run_at
"""
_CLAIM_SQLITE = Statement(_CLAIM.format(waiting=_WAITING))
# Two workers at once must not wait for one another, nor take the same job.
_CLAIM_POSTGRES = Statement(_CLAIM.format(waiting=f"{_WAITING} FOR UPDATE SKIP LOCKED"))
_FINISH = Statement("""
    UPDATE outbox SET done_at = :now, outcome = :outcome, payload_sealed = NULL,
      locked_until = NULL
    WHERE id = :id
""")
_RETRY = Statement("""
    UPDATE outbox SET run_at = :run_at, locked_until = NULL, outcome = :outcome WHERE id = :id
""")
_OLDEST = Statement("SELECT MIN(run_at) FROM outbox WHERE done_at IS NULL")
_DEPTH = Statement("""
    SELECT kind, COUNT(*), MIN(CAST(id AS TEXT)) FROM outbox WHERE done_at IS NULL GROUP BY kind
""")
_STUCK = Statement("""
    SELECT 1 FROM outbox WHERE done_at IS NULL AND kind = :kind AND outcome = 'retry' LIMIT 1
""")
_IDLE = Statement(f"""
    SELECT 1 FROM outbox WHERE done_at IS NULL AND run_at <= :now
      AND (kind = '{LOGOUT}') = :for_portals
      AND (locked_until IS NULL OR locked_until < :now) LIMIT 1
""")  # noqa: S608  constants of this file only


class Lane(enum.Enum):
    """Whom a job is for. Two lanes, so that a slow portal never delays somebody's code."""

    PEOPLE = "people"
    PORTALS = "portals"


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to deliver."""

    id: UUID
    kind: str
    payload: Mapping[str, str]
    attempts: int
    run_at: datetime


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits, and for how long the oldest of it, however often it was tried."""

    count: int
    age: timedelta


class OutboxStore:
    """The jobs. A payload is sealed, and gone once the job is done."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault
        self._claim = _CLAIM_SQLITE if database.is_sqlite else _CLAIM_POSTGRES

    def add(
        self, connection: Connection, kind: str, payload: Mapping[str, str], *, now: datetime
    ) -> UUID:
        """Write a job in the transaction of the change that causes it."""
        job_id = uuid7(now)
        data = msgspec.json.encode(dict(payload))
        row = {
            "id": job_id,
            "kind": kind,
            "payload_sealed": self._vault.seal(data, context=f"outbox {job_id}"),
            "run_at": now,
            "attempts": 0,
        }
        connection.execute(insert(OutboxRow).values(row))
        return job_id

    def claim(
        self, *, now: datetime, limit: int, lease: timedelta, lane: Lane = Lane.PEOPLE
    ) -> list[Job]:
        """Take due jobs for as long as the lease; an idle look costs no write."""
        due = {"now": milliseconds(now), "for_portals": lane is Lane.PORTALS}
        if not self._database.one(_IDLE, due):
            return []
        values = {
            **due,
            "until": milliseconds(now + lease),
            "limit": limit,
        }
        return [
            Job(as_uuid(row[0]), row[1], self._open(row[0], row[2]), row[3], moment(row[4]))
            for row in self._database.one(self._claim, values)
        ]

    def finish(self, job: Job, outcome: str, *, now: datetime) -> None:
        """Done, or given up: the payload goes, the outcome stays for operators."""
        values = {"id": job.id, "outcome": outcome, "now": milliseconds(now)}
        self._database.one(_FINISH, values)

    def retry(self, job: Job, outcome: str, *, run_at: datetime) -> None:
        """Again later."""
        values = {"id": job.id, "outcome": outcome, "run_at": milliseconds(run_at)}
        self._database.one(_RETRY, values)

    def oldest_age(self, *, now: datetime) -> timedelta:
        """How long the oldest job waits: what health watches."""
        [(oldest,)] = self._database.one(_OLDEST, {})
        return max(timedelta(0), now - moment(oldest)) if oldest else timedelta(0)

    def depths(self, *, now: datetime) -> Mapping[str, Depth]:
        """What waits, by kind."""
        return {
            kind: Depth(count, max(timedelta(0), now - written_at(UUID(hex=oldest))))
            for kind, count, oldest in self._database.one(_DEPTH, {})
        }

    def is_stuck(self, kind: str) -> bool:
        """Whether something of that kind waits because its gateway has failed."""
        return bool(self._database.one(_STUCK, {"kind": kind}))

    def _open(self, job_id: UUID | str, sealed: bytes) -> dict[str, str]:
        data = self._vault.open(bytes(sealed), context=f"outbox {as_uuid(job_id)}")
        return msgspec.json.decode(data, type=dict[str, str])
