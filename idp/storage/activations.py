"""What a post office vouched for and a person has not yet activated (S1)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, exists, insert, select
from sqlalchemy.orm import aliased

from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber
from idp.ports import Lapsed, PostalRecord
from idp.storage.database import Database
from idp.storage.models import ActivationRow
from idp.storage.single_use import spend_proof
from idp.storage.vault import Vault

LIFE = timedelta(days=7)
_JOURNEY = timedelta(days=1)
"""Longer than anybody who has typed a code can be on the way to a password."""

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Issued:
    """A new activation; the code is seen this once."""

    code: str
    expires_at: datetime


class ActivationStore:
    """Keeps the clerk's record sealed; it is found only by the code and the id number together."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def issue(self, identity: Identity, *, clerk: str, post_office: str, now: datetime) -> Issued:
        """Record what the clerk saw and make the code for it."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        activation_id = uuid7(now)
        record = {"identity": identities.to_text(identity), "clerk": clerk, "office": post_office}
        row = {
            "id": activation_id,
            "key_index": self._index(code, identity.id_numbers[0]),
            "number_index": self._vault.index("activated number", identity.id_numbers[0].value),
            "record_sealed": self._vault.seal(
                json.dumps(record).encode(), context=f"activation {activation_id}"
            ),
            "created_at": now,
            "expires_at": now + LIFE,
        }
        with self._database.transaction() as connection:
            connection.execute(insert(ActivationRow).values(row))
            _spend_older(connection, row, now=now)
        return Issued(code, now + LIFE)

    def find_activation(
        self, *, code: str, id_number: IdNumber, now: datetime
    ) -> PostalRecord | Lapsed | None:
        """The record of that code and number, while it counts (port ``PostalCounter``).

        Only the newest of a number does: a clerk who mistyped the phone issues another one, and
        whoever got the first message has nothing.
        """
        query = select(
            ActivationRow.id,
            ActivationRow.record_sealed,
            ActivationRow.expires_at,
            _HAS_NEWER.label("is_replaced"),
        ).where(ActivationRow.key_index == self._index(code.upper(), id_number))
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.is_replaced:
            return Lapsed.REPLACED
        if row.expires_at <= now:
            return Lapsed.EXPIRED
        opened = self._vault.open(bytes(row.record_sealed), context=f"activation {row.id}")
        record = json.loads(opened)
        return PostalRecord(
            identities.from_text(record["identity"]),
            clerk=record["clerk"],
            post_office=record["office"],
            key=_key_of(row.id),
        )

    def is_replaced(self, key: str) -> bool:
        """Whether a newer one of its number was issued (port ``PostalCounter``)."""
        activation_id = UUID(hex=key.rpartition(" ")[2])
        query = select(_HAS_NEWER).where(ActivationRow.id == activation_id)
        with self._database.transaction() as connection:
            return bool(connection.scalar(query))

    def _index(self, code: str, number: IdNumber) -> bytes:
        return self._vault.index("activation", f"{code} {number.value}")


_newer = aliased(ActivationRow)
_HAS_NEWER = (
    exists()
    .where(_newer.number_index == ActivationRow.number_index, _newer.id > ActivationRow.id)
    .correlate(ActivationRow)
)


def _key_of(activation_id: UUID) -> str:
    """What names an activation, and is spent with the account that it opens."""
    return f"activation {activation_id.hex}"


def _spend_older(connection: Connection, new: Mapping[str, Any], *, now: datetime) -> None:
    """Whoever is half-way with an older one can finish no more: the newer one counts.

    Of this and an account that is being opened the unique insert lets one through.
    """
    older = select(ActivationRow.id).where(
        ActivationRow.number_index == new["number_index"],
        ActivationRow.id < new["id"],
        ActivationRow.expires_at > now - _JOURNEY,
    )
    for activation_id in connection.scalars(older):
        spend_proof(connection, _key_of(activation_id), kept=LIFE + _JOURNEY, now=now)
