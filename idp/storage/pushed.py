"""Pushed authorization requests (RFC 9126): kept for a minute and a half, used up by a code."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from idp.domain.ids import hash_secret, new_secret, uuid7
from idp.storage.database import Database
from idp.storage.models import milliseconds
from idp.storage.prepared import Statement
from idp.storage.vault import Vault

_ADD = Statement("""
    INSERT INTO pushed_requests (id, secret_hash, client_id, request_sealed, expires_at)
    VALUES (:id, :secret_hash, :client_id, :request_sealed, :expires_at)
""")
_FIND = Statement("""
    SELECT secret_hash, request_sealed FROM pushed_requests
    WHERE id = :id AND client_id = :client_id AND used_at IS NULL AND expires_at > :now
""")
_USE = Statement("""
    UPDATE pushed_requests SET used_at = :now
    WHERE id = :id AND used_at IS NULL RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request that a client pushed, as the protocol wrote it."""

    id: UUID
    data: bytes


class PushedStore:
    """The requests. Who holds ``<id>.<secret>`` may begin one; here is only the digest."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, client_id: str, data: bytes, *, expires_at: datetime, now: datetime) -> str:
        """Keep a request; answers what names it. One statement."""
        row_id, secret = uuid7(now), new_secret()
        values = {
            "id": row_id,
            "secret_hash": hash_secret(secret),
            "client_id": client_id,
            "request_sealed": self._vault.seal(data, context=f"pushed {row_id}"),
            "expires_at": milliseconds(expires_at),
        }
        self._database.one(_ADD, values)
        return f"{row_id.hex}.{secret}"

    def find(self, name: str, client_id: str, *, now: datetime) -> Pushed | None:
        """The request of that name, while it lives and was not used up."""
        identifier, _, secret = name.partition(".")
        try:
            row_id = UUID(hex=identifier)
        except ValueError:
            return None
        values = {"id": row_id, "client_id": client_id, "now": milliseconds(now)}
        rows = self._database.one(_FIND, values)
        if not rows or not hmac.compare_digest(bytes(rows[0][0]), hash_secret(secret)):
            return None
        data = self._vault.open(bytes(rows[0][1]), context=f"pushed {row_id}")
        return Pushed(row_id, data)

    def use(self, pushed_id: UUID, *, now: datetime) -> bool:
        """Use it up: whether this was the first time."""
        return bool(self._database.one(_USE, {"id": pushed_id, "now": milliseconds(now)}))
