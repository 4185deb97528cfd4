"""Requests that are answered on another device: every change of one is a single statement.

Who holds ``<id>.<secret>`` may poll; here is only the digest, and of a user code a blind index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, text

from idp.domain.decoupled import Asked, Kind, Proved, Status
from idp.domain.ids import hash_secret, new_secret, uuid7
from idp.storage.database import Database, as_uuid
from idp.storage.models import milliseconds, moment
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

_COLUMNS = "id, kind, account_id, status, asked_sealed, remote_sealed, created_at, expires_at"
_ADD = Statement("""
    INSERT INTO decoupled_requests (id, kind, secret_hash, user_code_index, client_id, account_id,
      status, asked_sealed, remote_sealed, interval_ms, early, run_at, created_at, expires_at)
    VALUES (:id, :kind, :secret_hash, :user_code_index, :client_id, :account_id,
      'pending', :asked, :remote, :interval_ms, :early, :run_at, :now, :expires_at)
    ON CONFLICT (user_code_index) DO NOTHING RETURNING id
""")
# One statement counts and judges: a poll before its time makes every later one wait longer
# (RFC 8628, 3.5; CIBA Core, 11). The clock of a network may be half a second off.
_POLL = Statement("""
    UPDATE decoupled_requests SET
      early = (status = 'pending' AND polled_at IS NOT NULL
        AND polled_at + interval_ms - :slack > :now),
      interval_ms = CASE WHEN status = 'pending' AND polled_at IS NOT NULL
        AND polled_at + interval_ms - :slack > :now THEN interval_ms + :more ELSE interval_ms END,
      polled_at = :now
    WHERE id = :id AND kind = :kind AND client_id = :client_id AND secret_hash = :secret_hash
    RETURNING status, early, account_id, session_id, asked_sealed, proved_json, expires_at
""")
_FIND = Statement(f"""
    SELECT {_COLUMNS} FROM decoupled_requests
    WHERE id = :id AND status = 'pending' AND expires_at > :now
""")  # noqa: S608  constants of this file only
_FIND_CODE = Statement(f"""
    SELECT {_COLUMNS} FROM decoupled_requests
    WHERE user_code_index = :user_code_index AND status = 'pending' AND expires_at > :now
""")  # noqa: S608  constants of this file only
_OF_ACCOUNT = Statement(f"""
    SELECT {_COLUMNS} FROM decoupled_requests
    WHERE account_id = :account_id AND kind = 'ciba' AND status = 'pending' AND expires_at > :now
    ORDER BY id DESC LIMIT 50
""")  # noqa: S608  constants of this file only
_DUE = """
    SELECT id FROM decoupled_requests
    WHERE run_at <= :now AND status = 'pending' AND expires_at > :now ORDER BY run_at LIMIT :limit
"""
_CLAIM = f"""
    UPDATE decoupled_requests SET run_at = :until WHERE id IN ({{due}}) RETURNING {_COLUMNS}
"""  # noqa: S608  constants of this file only
_CLAIM_SQLITE = Statement(_CLAIM.format(due=_DUE))
_CLAIM_POSTGRES = Statement(_CLAIM.format(due=f"{_DUE} FOR UPDATE SKIP LOCKED"))
_IDLE = Statement("""
    SELECT 1 FROM decoupled_requests
    WHERE run_at <= :now AND status = 'pending' AND expires_at > :now LIMIT 1
""")
_KEEP = Statement("""
    UPDATE decoupled_requests SET remote_sealed = :remote, run_at = :run_at
    WHERE id = :id AND status = 'pending'
""")
_DECIDE = text("""
    UPDATE decoupled_requests SET status = :status, account_id = :account_id,
      session_id = :session_id, proved_json = :proved, decided_at = :now, run_at = NULL,
      remote_sealed = NULL
    WHERE id = :id AND status = 'pending' AND expires_at > :now
      AND (account_id IS NULL OR account_id = :account_id)
    RETURNING id
""")
_SLACK, _MORE = 500, 5000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that nobody has answered; ``remote`` is what a prompt on a phone needs."""

    id: UUID
    kind: Kind
    account_id: UUID | None
    asked: Asked
    remote: Mapping[str, str] | None
    created_at: datetime
    expires_at: datetime

    @property
    def proof_name(self) -> str:
        """What a proof is marked with that was made for this request."""
        return f"ciba {self.id.hex}"


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll finds. ``is_early`` is only ever true while it is pending."""

    id: UUID
    status: Status
    is_early: bool
    account_id: UUID | None
    session_id: UUID | None
    asked: Asked
    proved: Proved | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class New:
    """What begins a request."""

    kind: Kind
    asked: Asked
    ttl: timedelta
    interval: timedelta
    user_code: str = ""
    account_id: UUID | None = None
    remote: Mapping[str, str] | None = None


class DecoupledStore:
    """The requests."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault
        self._claim = _CLAIM_SQLITE if database.is_sqlite else _CLAIM_POSTGRES

    def new_name(self, *, now: datetime) -> str:
        """What the client will poll with: an id, and 256 bits that only it knows."""
        return f"{uuid7(now).hex}.{new_secret()}"

    def add(self, name: str, new: New, *, now: datetime) -> bool:
        """Begin; False when the user code is taken. One statement."""
        row_id, secret_hash = _read(name) or (UUID(int=0), b"")
        values = {
            "id": row_id,
            "kind": new.kind.value,
            "secret_hash": secret_hash,
            "user_code_index": self._index(new.user_code) if new.user_code else None,
            "client_id": new.asked.client_id,
            "account_id": new.account_id,
            "asked": self._vault.seal(_encode(new.asked), context=f"asked {row_id}"),
            "remote": self._seal_remote(row_id, new.remote) if new.remote else None,
            "interval_ms": int(new.interval.total_seconds() * 1000),
            "early": False,
            "run_at": milliseconds(now) if new.remote else None,
            "now": milliseconds(now),
            "expires_at": milliseconds(now + new.ttl),
        }
        return bool(self._database.one(_ADD, values))

    def poll(self, kind: Kind, name: str, client_id: str, *, now: datetime) -> Polled | None:
        """Count a poll and say how the request stands. One statement."""
        parsed = _read(name)
        if parsed is None:
            return None
        values = {
            "id": parsed[0],
            "kind": kind.value,
            "client_id": client_id,
            "secret_hash": parsed[1],
            "now": milliseconds(now),
            "slack": _SLACK,
            "more": _MORE,
        }
        rows = self._database.one(_POLL, values)
        if not rows:
            return None
        [(status, early, account_id, session_id, asked, proved, expires_at)] = rows
        return Polled(
            parsed[0],
            Status(status),
            bool(early),
            as_uuid(account_id) if account_id else None,
            as_uuid(session_id) if session_id else None,
            self._open(parsed[0], asked),
            _decode_proved(proved) if proved else None,
            moment(expires_at),
        )

    def find(self, request_id: UUID, *, now: datetime) -> Waiting | None:
        """The request, while somebody may answer it."""
        rows = self._database.one(_FIND, {"id": request_id, "now": milliseconds(now)})
        return self._waiting(rows[0]) if rows else None

    def find_code(self, user_code: str, *, now: datetime) -> Waiting | None:
        """The request that a device shows this code for."""
        values = {"user_code_index": self._index(user_code), "now": milliseconds(now)}
        rows = self._database.one(_FIND_CODE, values)
        return self._waiting(rows[0]) if rows else None

    def of_account(self, account_id: UUID, *, now: datetime) -> tuple[Waiting, ...]:
        """What waits for this person, newest first."""
        values = {"account_id": account_id, "now": milliseconds(now)}
        return tuple(self._waiting(row) for row in self._database.one(_OF_ACCOUNT, values))

    def claim(self, *, now: datetime, lease: timedelta, limit: int) -> list[Waiting]:
        """Take requests whose phone is to be looked at; an idle look costs no write."""
        if not self._database.one(_IDLE, {"now": milliseconds(now)}):
            return []
        values = {"now": milliseconds(now), "until": milliseconds(now + lease), "limit": limit}
        return [self._waiting(row) for row in self._database.one(self._claim, values)]

    def keep(self, waiting: Waiting, remote: Mapping[str, str], *, run_at: datetime | None) -> None:
        """Keep what the prompt needs and when to look again; None for never."""
        values = {
            "id": waiting.id,
            "remote": self._seal_remote(waiting.id, remote),
            "run_at": milliseconds(run_at) if run_at else None,
        }
        self._database.one(_KEEP, values)

    def decide(  # noqa: PLR0913  keywords: what an answer is
        self,
        connection: Connection,
        waiting: Waiting,
        status: Status,
        *,
        account_id: UUID | None,
        session_id: UUID | None = None,
        proved: Proved | None = None,
        now: datetime,
    ) -> bool:
        """Answer it in the transaction of the effect: whether this answer was the first.

        A request that is meant for one account is never answered by another.
        """
        values = {
            "id": self._key(waiting.id),
            "status": status.value,
            "account_id": self._key(account_id),
            "session_id": self._key(session_id),
            "proved": msgspec.json.encode(proved).decode() if proved else None,
            "now": milliseconds(now),
        }
        return connection.execute(_DECIDE, values).first() is not None

    def _key(self, value: UUID | None) -> UUID | str | None:
        return value.hex if value is not None and self._database.is_sqlite else value

    def _index(self, user_code: str) -> bytes:
        return self._vault.index("user code", user_code)

    def _open(self, row_id: UUID, sealed: bytes) -> Asked:
        return _decode(self._vault.open(bytes(sealed), context=f"asked {row_id}"))

    def _seal_remote(self, row_id: UUID, remote: Mapping[str, str]) -> bytes:
        return self._vault.seal(msgspec.json.encode(dict(remote)), context=f"remote {row_id}")

    def _waiting(self, row: tuple[Any, ...]) -> Waiting:
        row_id = as_uuid(row[0])
        remote = None
        if row[5] is not None:
            opened = self._vault.open(bytes(row[5]), context=f"remote {row_id}")
            remote = msgspec.json.decode(opened, type=dict[str, str])
        return Waiting(
            row_id,
            Kind(row[1]),
            as_uuid(row[2]) if row[2] else None,
            self._open(row_id, row[4]),
            remote,
            moment(row[6]),
            moment(row[7]),
        )


def _read(name: str) -> tuple[UUID, bytes] | None:
    identifier, _, secret = name.partition(".")
    if len(identifier) != _ID_LENGTH or not 0 < len(secret) <= _LONGEST_SECRET:
        return None
    try:
        return UUID(hex=identifier), hash_secret(secret)
    except ValueError:
        return None


_ID_LENGTH, _LONGEST_SECRET = 32, 64
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Asked).decode
_decode_proved = msgspec.json.Decoder(Proved).decode
