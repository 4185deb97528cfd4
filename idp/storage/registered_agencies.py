"""Agencies that have an account: what the directory says of them replaces what it said before.

A name is the directory's own (``source`` is ``directory``), as when the agency registered; the
proof that came with the old value stays with the new one: it proved the code and not the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from idp.domain.accounts import Attribute
from idp.domain.agencies import Agency
from idp.domain.errors import Conflict
from idp.domain.ids import uuid7
from idp.domain.subjects import AgencyCode, IdKind
from idp.storage.account_rows import open_attribute
from idp.storage.models import AttributeRow, IdentifierRow
from idp.storage.vault import Seal, Vault
from idp.storage.ways_in import lock

DIRECTORY: Final = "directory"
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Refreshed:
    """An account whose facts the directory changed."""

    account_id: UUID
    code: AgencyCode
    attributes: tuple[Attribute, ...]


class RegisteredAgencies:
    """The accounts of agencies."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def refresh(
        self, connection: Connection, agencies: Iterable[Agency], *, now: datetime
    ) -> tuple[Refreshed, ...]:
        """Bring these agencies' accounts up to date; answers those that changed."""
        kind = IdKind.AGENCY_CODE
        known = {self._vault.index(kind, each.code.value): each for each in agencies}
        accounts = sorted(_accounts(connection, sorted(known)))  # one order: no two imports wait
        changed = [
            Refreshed(account_id, known[index].code, names)
            for account_id, index in accounts
            if (names := self._refresh(connection, account_id, known[index], now=now))
        ]
        return tuple(changed)

    def _refresh(
        self, connection: Connection, account_id: UUID, agency: Agency, *, now: datetime
    ) -> tuple[Attribute, ...]:
        try:
            seal = lock(connection, self._vault, account_id)
        except Conflict:
            return ()  # closed a moment ago
        said = {
            Attribute.FULL_NAME: agency.name,
            Attribute.PARENT_AGENCY: agency.parent,
            Attribute.ADDRESS: agency.address,
        }
        before = _current(connection, account_id, tuple(said))
        changed = {
            name: text
            for name, text in said.items()
            if _differs(before.get(name), text, seal, account_id)
        }
        _replace(connection, account_id, changed, before, seal, now)
        return tuple(changed)


def _accounts(connection: Connection, indexes: Sequence[bytes]) -> Iterator[tuple[UUID, bytes]]:
    for start in range(0, len(indexes), _AT_ONCE):
        query = select(IdentifierRow.account_id, IdentifierRow.value_index).where(
            IdentifierRow.kind == IdKind.AGENCY_CODE,
            IdentifierRow.value_index.in_(indexes[start : start + _AT_ONCE]),
            IdentifierRow.retired_at.is_(None),
        )
        for row in connection.execute(query):
            yield row.account_id, bytes(row.value_index)


def _current(
    connection: Connection, account_id: UUID, names: Sequence[Attribute]
) -> Mapping[str, Any]:
    query = select(AttributeRow).where(
        AttributeRow.account_id == account_id,
        AttributeRow.name.in_(names),
        AttributeRow.replaced_at.is_(None),
    )
    return {row.name: row for row in connection.execute(query)}


def _differs(row: Any | None, text: str, seal: Seal, account_id: UUID) -> bool:  # noqa: ANN401  a row
    """An entry without a text takes away what the directory said, nothing that others said."""
    if row is None:
        return bool(text)
    if not text:
        return bool(row.source == DIRECTORY)
    return open_attribute(seal, account_id, row.name, row.value_sealed) != text


def _replace(  # noqa: PLR0913, PLR0917  what goes and what comes
    connection: Connection,
    account_id: UUID,
    changed: Mapping[Attribute, str],
    before: Mapping[str, Any],
    seal: Seal,
    now: datetime,
) -> None:
    """Retire the old rows; add the new ones."""
    connection.execute(
        update(AttributeRow)
        .where(AttributeRow.account_id == account_id, AttributeRow.name.in_(tuple(changed)))
        .where(AttributeRow.replaced_at.is_(None))
        .values(replaced_at=now)
    )
    proof = next((row.evidence_id for row in before.values()), None)
    rows = [
        {
            "id": uuid7(now),
            "account_id": account_id,
            "name": name,
            "value_sealed": seal.seal_text(text, context=f"attribute {account_id} {name}"),
            "evidence_id": before[name].evidence_id if name in before else proof,
            "source": DIRECTORY,
            "method": DIRECTORY,
            "at": now,
        }
        for name, text in changed.items()
        if text
    ]
    if rows:
        connection.execute(insert(AttributeRow), rows)
