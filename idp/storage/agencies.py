"""The agency directory: imported from a file, asked by certificate, completed by operators.

Nothing here is personal: agencies and their codes are published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from idp.domain.agencies import Agency, AgencySubject, folded, pick
from idp.domain.errors import Conflict
from idp.domain.subjects import AgencyCode
from idp.storage.database import Database
from idp.storage.models import AgencyBindingRow, AgencyRow, milliseconds
from idp.storage.prepared import Statement

_ASK = Statement("""
    INSERT INTO agency_bindings (key, subject_json, asked_at) VALUES (:key, :subject, :now)
    ON CONFLICT (key) DO UPDATE SET asked_at = :now RETURNING key
""")
MOST_WAITING = 200


@dataclass(frozen=True, slots=True)
class Binding:
    """A certificate's subject that the directory could not name; ``code`` once an operator did."""

    key: str
    subject: AgencySubject
    asked_at: datetime
    code: str | None


class AgencyStore:
    """The directory (port ``AgencyDirectory``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- asking ---------------------------------------------------------------------------------

    def find(self, code: AgencyCode) -> Agency | None:
        """The entry of a code."""
        return self._one(select(AgencyRow).where(AgencyRow.code == code.value))

    def resolve(self, subject: AgencySubject) -> Agency | None:
        """The agency of a certificate: by its number, by its names, by an operator's binding."""
        bound = (
            select(AgencyRow)
            .join(AgencyBindingRow, AgencyBindingRow.code == AgencyRow.code)
            .where(AgencyBindingRow.key == subject.key)
        )
        by_number = select(AgencyRow).where(
            AgencyRow.budget_code == subject.budget_code, AgencyRow.budget_code != ""
        )
        found = self._one(by_number) if subject.budget_code else None
        return found or pick(subject, self.named(subject.name)) or self._one(bound)

    def named(self, name: str) -> tuple[Agency, ...]:
        """Every agency of that name, however it is written."""
        key = folded(name)
        query = select(AgencyRow).where(AgencyRow.name_key == key).order_by(AgencyRow.code)
        with self._database.transaction() as connection:
            return tuple(_agency(row) for row in connection.execute(query)) if key else ()

    def ask(self, subject: AgencySubject, *, now: datetime) -> None:
        """Remember a proven certificate whose agency is not known, for an operator to name it."""
        values = {
            "key": subject.key,
            "subject": msgspec.json.encode(subject).decode(),
            "now": milliseconds(now),
        }
        self._database.one(_ASK, values)

    def _one(self, query: Any) -> Agency | None:  # noqa: ANN401  a select of the directory
        with self._database.transaction() as connection:
            rows = connection.execute(query.limit(2)).all()
        return _agency(rows[0]) if len(rows) == 1 else None

    # --- operators ------------------------------------------------------------------------------

    def waiting(self) -> tuple[Binding, ...]:
        """Subjects without a code, those asked last first."""
        return self._bindings(AgencyBindingRow.code.is_(None))

    def bound(self) -> tuple[Binding, ...]:
        """What operators have bound."""
        return self._bindings(AgencyBindingRow.code.is_not(None))

    def _bindings(self, where: Any) -> tuple[Binding, ...]:  # noqa: ANN401  a condition
        query = (
            select(AgencyBindingRow)
            .where(where)
            .order_by(AgencyBindingRow.asked_at.desc())
            .limit(MOST_WAITING)
        )
        with self._database.transaction() as connection:
            return tuple(_binding(row) for row in connection.execute(query))

    def get_binding(self, key: str) -> Binding | None:
        """One of them."""
        query = select(AgencyBindingRow).where(AgencyBindingRow.key == key)
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return _binding(row) if row else None

    def bind(
        self, connection: Connection, key: str, code: AgencyCode, *, by: UUID, now: datetime
    ) -> None:
        """Give a waiting subject its agency, once.

        Raises ``Conflict``: ``agency.unknown`` (no such entry), ``agency.bound`` (it has one).
        """
        try:
            changed = connection.execute(
                update(AgencyBindingRow)
                .where(AgencyBindingRow.key == key, AgencyBindingRow.code.is_(None))
                .values(code=code.value, bound_by=by, bound_at=now)
            )
        except IntegrityError as error:
            raise Conflict("agency.unknown") from error
        if not changed.rowcount:
            raise Conflict("agency.bound")

    def unbind(self, connection: Connection, key: str) -> None:
        """Take it away again: the subject waits. Raises ``Conflict('agency.bound')``."""
        changed = connection.execute(
            update(AgencyBindingRow)
            .where(AgencyBindingRow.key == key, AgencyBindingRow.code.is_not(None))
            .values(code=None, bound_by=None, bound_at=None)
        )
        if not changed.rowcount:
            raise Conflict("agency.bound")

    # --- importing ------------------------------------------------------------------------------

    def save(
        self, connection: Connection, agencies: Iterable[Agency], *, now: datetime
    ) -> Counter[str]:
        """Add or change entries; answers how many were added, changed and unchanged."""
        counted: Counter[str] = Counter()
        for agency in agencies:
            columns = _columns(agency)
            found = connection.execute(
                select(AgencyRow).where(AgencyRow.code == agency.code.value)
            ).first()
            if found is None:
                row = {"code": agency.code.value, **columns, "updated_at": now}
                connection.execute(insert(AgencyRow).values(row))
                counted["added"] += 1
            elif any(getattr(found, name) != value for name, value in columns.items()):
                connection.execute(
                    update(AgencyRow)
                    .where(AgencyRow.code == agency.code.value)
                    .values(**columns, updated_at=now)
                )
                counted["changed"] += 1
            else:
                counted["unchanged"] += 1
        return counted

    def count(self) -> int:
        """How many there are."""
        with self._database.transaction() as connection:
            return connection.scalar(select(func.count()).select_from(AgencyRow)) or 0


def _columns(agency: Agency) -> dict[str, str]:
    return {
        "original": agency.original,
        "name": agency.name,
        "name_key": agency.name_key,
        "parent": agency.parent,
        "address": agency.address,
        "budget_code": agency.budget_code,
    }


def _agency(row: Any) -> Agency:  # noqa: ANN401  a row of the directory
    return Agency(
        AgencyCode(row.code), row.original, row.name, row.parent, row.address, row.budget_code
    )


def _binding(row: Any) -> Binding:  # noqa: ANN401  a row of the bindings
    subject = msgspec.json.decode(row.subject_json, type=AgencySubject)
    return Binding(row.key, subject, row.asked_at, row.code)
