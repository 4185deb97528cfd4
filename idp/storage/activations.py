"""What a post office vouched for and a person has not yet activated (S1)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import aliased

from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.ids import uuid7
from idp.domain.subjects import IdNumber
from idp.ports import PostalRecord
from idp.storage.database import Database
from idp.storage.models import ActivationRow
from idp.storage.vault import Vault

LIFE = timedelta(days=7)
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
        return Issued(code, now + LIFE)

    def find_activation(
        self, *, code: str, id_number: IdNumber, now: datetime
    ) -> PostalRecord | None:
        """The record of that code and number, while it lives (port ``PostalCounter``).

        Only the newest of a number counts: a clerk who mistyped the phone issues another one, and
        whoever got the first message has nothing.
        """
        newer = aliased(ActivationRow)
        query = select(ActivationRow.id, ActivationRow.record_sealed).where(
            ActivationRow.key_index == self._index(code.upper(), id_number),
            ActivationRow.expires_at > now,
            ~exists().where(
                newer.number_index == ActivationRow.number_index, newer.id > ActivationRow.id
            ),
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        opened = self._vault.open(bytes(row.record_sealed), context=f"activation {row.id}")
        record = json.loads(opened)
        return PostalRecord(
            identities.from_text(record["identity"]),
            clerk=record["clerk"],
            post_office=record["office"],
            key=row.id.hex,
        )

    def _index(self, code: str, number: IdNumber) -> bytes:
        return self._vault.index("activation", f"{code} {number.value}")
