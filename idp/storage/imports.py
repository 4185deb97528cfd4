"""Many accounts at once, one statement a table: who comes from another system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from idp.domain.accounts import Identity
from idp.domain.assurance import Evidence
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.domain.ids import uuid7
from idp.domain.subjects import PhoneNumber
from idp.storage.account_rows import (
    Row,
    account_row,
    attribute_rows,
    evidence_row,
    identifier_rows,
    index_of,
    phone_row,
)
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.models import (
    AccountRow,
    AttributeRow,
    EvidenceRow,
    IdentifierRow,
    PasswordRow,
    PhoneRow,
)
from idp.storage.vault import Vault

_TABLES = (AccountRow, IdentifierRow, EvidenceRow, AttributeRow, PhoneRow, PasswordRow)
"""In the order in which they refer to one another."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An account as another system knew it. ``others`` are its further numbers for codes."""

    identity: Identity
    evidence: Evidence
    others: tuple[PhoneNumber, ...] = ()
    password_hash: str = ""


class ImportStore:
    """Writes them."""

    def __init__(self, database: Database, vault: Vault, audit: AuditStore) -> None:
        self._database, self._vault, self._audit = database, vault, audit

    def add(self, batch: Sequence[Imported], *, now: datetime) -> list[bool]:
        """Open those whose numbers nobody has, in one transaction; answers which were opened.

        Raises ``Conflict('account.exists')`` when somebody registers at the same moment: nothing
        is written then, and the same batch can be given again.
        """
        try:
            return self._add(batch, now=now)
        except IntegrityError as error:
            raise Conflict("account.exists") from error

    def _add(self, batch: Sequence[Imported], *, now: datetime) -> list[bool]:
        with self._database.transaction() as connection:
            taken = self._taken(connection, batch)
            new, opened = [], []
            for one in batch:
                numbers = set(self._indexes(one))
                opened.append(taken.isdisjoint(numbers))
                if opened[-1]:
                    new.append(one)
                    taken |= numbers
            self._write(connection, new, now=now)
            return opened

    def _taken(self, connection: Connection, batch: Sequence[Imported]) -> set[tuple[str, bytes]]:
        indexes = [index for one in batch for _, index in self._indexes(one)]
        query = select(IdentifierRow.kind, IdentifierRow.value_index).where(
            IdentifierRow.value_index.in_(indexes), IdentifierRow.retired_at.is_(None)
        )
        return {(kind, bytes(index)) for kind, index in connection.execute(query)}

    def _indexes(self, one: Imported) -> Iterator[tuple[str, bytes]]:
        for number in one.identity.id_numbers:
            yield str(number.kind), index_of(self._vault, number)

    def _write(self, connection: Connection, new: Sequence[Imported], *, now: datetime) -> None:
        rows: dict[type, list[Row]] = {table: [] for table in _TABLES}
        events = [self._rows_of(one, rows, now=now) for one in new]
        for table, found in rows.items():
            if found:
                connection.execute(insert(table), found)
        if events:
            self._audit.add_first(connection, events)

    def _rows_of(self, one: Imported, rows: dict[type, list[Row]], *, now: datetime) -> AuditEvent:
        identity, evidence, account_id = one.identity, one.evidence, uuid7(now)
        data_key = self._vault.new_data_key(account_id)
        keys = (self._vault, self._vault.data_key(data_key, account_id))
        proof = evidence_row(account_id, identity, evidence, keys[1])
        rows[AccountRow].append(account_row(account_id, identity, evidence, data_key, now=now))
        rows[IdentifierRow] += identifier_rows(account_id, identity, keys, now=now)
        rows[EvidenceRow].append(proof)
        rows[AttributeRow] += attribute_rows(account_id, identity, evidence, (proof["id"], keys[1]))
        numbers = ([identity.phone] if identity.phone else []) + list(one.others)
        for place, number in enumerate(numbers):
            phone = phone_row(account_id, number, keys, now=now)
            rows[PhoneRow].append(phone | {"is_default": place == 0})
        if one.password_hash:
            password = {"account_id": account_id, "hash": one.password_hash, "at": now}
            rows[PasswordRow].append(password)
        details = {"method": evidence.method, "at": evidence.at.isoformat()}
        return AuditEvent(Event.ACCOUNT_IMPORTED, now, account_id, details=details)
