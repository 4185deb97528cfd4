"""Clients that a federation vouches for: registered by a chain, until the chain ends.

One statement registers: it never touches a client that came in another way, and never one that an
operator disabled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from idp.domain.clients import Metadata
from idp.storage.database import Database
from idp.storage.models import milliseconds, moment
from idp.storage.prepared import Statement

AUTOMATIC: Final = "federation"
EXPLICIT: Final = "federation-explicit"
_OURS: Final = frozenset({AUTOMATIC, EXPLICIT})
_STANDING = Statement(
    "SELECT source, updated_at, expires_at, disabled_at FROM clients WHERE client_id = :id"
)
_SAVE = Statement("""
    INSERT INTO clients (client_id, metadata_json, secret_hash, source, updated_at, expires_at)
    VALUES (:id, :metadata, NULL, :source, :now, :until)
    ON CONFLICT (client_id) DO UPDATE SET
      metadata_json = excluded.metadata_json, source = excluded.source,
      updated_at = excluded.updated_at, expires_at = excluded.expires_at
    WHERE clients.source IN ('federation', 'federation-explicit') AND clients.disabled_at IS NULL
    RETURNING client_id
""")
_END = Statement("""
    UPDATE clients SET expires_at = :now
    WHERE client_id = :id AND source IN ('federation', 'federation-explicit')
    RETURNING client_id
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands."""

    source: str
    updated_at: datetime
    expires_at: datetime | None
    is_disabled: bool

    @property
    def is_federated(self) -> bool:
        """Whether a federation vouched for it."""
        return self.source in _OURS

    def is_valid(self, now: datetime) -> bool:
        """Whether its chain has not ended."""
        return self.expires_at is None or self.expires_at > now


class FederationStore:
    """The registrations of federations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, client_id: str) -> Standing | None:
        """How a client stands, None if nobody knows it."""
        rows = self._database.one(_STANDING, {"id": client_id})
        if not rows:
            return None
        [(source, updated_at, expires_at, disabled_at)] = rows
        until = moment(expires_at) if expires_at is not None else None
        return Standing(source, moment(updated_at), until, disabled_at is not None)

    def save(self, metadata: Metadata, source: str, *, until: datetime, now: datetime) -> bool:
        """Register or renew; False where the id belongs to somebody else or is disabled."""
        values = {
            "id": metadata["client_id"],
            "metadata": msgspec.json.encode(metadata, order="sorted").decode(),
            "source": source,
            "now": milliseconds(now),
            "until": milliseconds(until),
        }
        return bool(self._database.one(_SAVE, values))

    def end(self, client_id: str, *, now: datetime) -> None:
        """No superior vouches for it any more."""
        self._database.one(_END, {"id": client_id, "now": milliseconds(now)})
