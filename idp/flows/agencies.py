"""The agency directory from outside: a file is imported whole or not at all; operators bind.

A file is CSV with a heading line, or one JSON object a line; the columns are ``code``, ``name``,
``parent``, ``address``, ``budget_code``. Importing the same file again changes nothing. An agency
that has an account is called what the directory calls it, from the same moment.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from idp.domain.agencies import Agency
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.events import AuditEvent, Event
from idp.domain.operators import Officer
from idp.domain.subjects import AgencyCode, IdKind, IdNumber
from idp.flows.answers import Said
from idp.flows.operators import OperatorFlow, act
from idp.storage.agencies import AgencyStore, Binding
from idp.storage.registered_agencies import Refreshed, RegisteredAgencies

COLUMNS = ("code", "name", "parent", "address", "budget_code")
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Faulty:
    """A file that is not imported: each fault with its line."""

    faults: tuple[str, ...]


def read(text: str) -> tuple[Agency, ...] | Faulty:
    """Every agency of a file, or every fault in it."""
    found: dict[str, tuple[int, Agency]] = {}
    numbers: dict[str, int] = {}
    faults: list[str] = []
    for line, record in _records(text.removeprefix("\ufeff")):
        agency = record if isinstance(record, str) else _agency(record)
        if isinstance(agency, str):
            faults.append(f"line {line}: {agency}")
            continue
        first = found.setdefault(agency.code.value, (line, agency))[0]
        if first != line:
            faults.append(f"line {line}: code {agency.code.value} stands in line {first} already")
        if agency.budget_code and numbers.setdefault(agency.budget_code, line) != line:
            first = numbers[agency.budget_code]
            faults.append(f"line {line}: budget_code stands in line {first} already")
    if not found and not faults:
        faults.append("line 1: no agency in this file")
    return Faulty(tuple(faults)) if faults else tuple(agency for _, agency in found.values())


def _records(text: str) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    """Each record with its line, or what is wrong with that line."""
    if text.lstrip()[:1] == "{":
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield number, _json(line)
        return
    rows = csv.reader(io.StringIO(text), strict=True)
    try:
        heading = [name.strip().lower() for name in next(rows, [])]
        wrong = sorted(set(heading) - set(COLUMNS)) or sorted({"code", "name"} - set(heading))
        if wrong or len(set(heading)) != len(heading):
            yield 1, f"heading: wanted are {', '.join(COLUMNS)}"
            return
        for row in rows:
            if any(cell.strip() for cell in row):
                same = len(row) == len(heading)
                yield rows.line_num, dict(zip(heading, row, strict=True)) if same else "columns"
    except csv.Error as error:
        yield rows.line_num, f"not CSV: {error}"


def _json(line: str) -> Mapping[str, object] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(record, dict):
        return "not an object"
    unknown = sorted(set(record) - set(COLUMNS))
    return f"unknown: {', '.join(unknown)}"[:200] if unknown else record


def _agency(record: Mapping[str, object]) -> Agency | str:
    """One agency, or what is wrong with it."""
    values: dict[str, str] = {}
    for name in COLUMNS:
        value = record.get(name) or ""
        if not isinstance(value, str):
            return f"{name} is not a text"
        text = " ".join(unicodedata.normalize("NFC", value).split())
        if len(text) > LONGEST or not text.isprintable():
            return f"{name} is too long or not printable"
        values[name] = text
    try:
        code = AgencyCode.parse(values["code"])
    except InvalidInput:
        return f"code {values['code'][:40]!r} is not an agency code"
    if not values["name"]:
        return "name is empty"
    if values["budget_code"] and not re.fullmatch(r"[0-9]{5,15}", values["budget_code"]):
        return "budget_code is not 5 to 15 digits"
    return Agency(code, values.pop("code"), **values)


@dataclass(frozen=True, slots=True)
class AgencyDesk:
    """What operators do with the directory."""

    operators: OperatorFlow
    agencies: AgencyStore
    registered: RegisteredAgencies

    def load(self, text: str, *, by: str = "import", now: datetime) -> Counter[str] | Faulty:
        """Import a file, whole or not at all; counts also the accounts that it changed."""
        found = read(text)
        if isinstance(found, Faulty):
            return found
        audit = self.operators.account.notices.audit
        with self.operators.account.database.transaction() as connection:
            counted = self.agencies.save(connection, found, now=now)
            for each in self.registered.refresh(connection, found, now=now):
                audit.add(connection, _renamed(each, by, now))
                counted["accounts"] += 1
        return counted

    def bind(
        self, officer: Officer, key: str, typed: str, *, now: datetime
    ) -> Binding | dict[str, Said]:
        """Say which agency a certificate belongs to, once. Raises ``Conflict``."""
        found = self._binding(key)
        try:
            code = AgencyCode.parse(typed)
        except InvalidInput as error:
            return {"agency_code": Said(f"error.{error.code}")}
        if self.agencies.find(code) is None:
            return {"agency_code": Said("error.agency.unknown")}
        event = self._event(officer, Event.AGENCY_BOUND, found, code, now=now)
        with self.operators.account.database.transaction() as connection:
            self.agencies.bind(connection, key, code, by=officer.account_id, now=now)
            self.operators.account.notices.audit.add(connection, event)
        return found

    def unbind(self, officer: Officer, key: str, *, now: datetime) -> None:
        """Take a binding away. Raises ``Conflict``."""
        found = self._binding(key)
        code = AgencyCode(found.code or "")
        event = self._event(officer, Event.AGENCY_UNBOUND, found, code, now=now)
        with self.operators.account.database.transaction() as connection:
            self.agencies.unbind(connection, key)
            self.operators.account.notices.audit.add(connection, event)

    def _binding(self, key: str) -> Binding:
        found = self.agencies.get_binding(key)
        if found is None:
            raise Conflict("agency.bound")
        return found

    def _event(
        self, officer: Officer, event: Event, found: Binding, code: AgencyCode, *, now: datetime
    ) -> AuditEvent:
        number = IdNumber(IdKind.AGENCY_CODE, code.value)
        account = self.operators.account.accounts.find_by_id_number(number)
        details = {"code": code.value, "subject": found.subject.name, "key": found.key}
        return act(officer, event, account.id if account else None, now=now, **details)


def _renamed(found: Refreshed, by: str, now: datetime) -> AuditEvent:
    """What the history of the agency's account says."""
    details = {"code": found.code.value, "what": " ".join(found.attributes), "by": by}
    return AuditEvent(Event.AGENCY_CHANGED, now, found.account_id, details=details)
