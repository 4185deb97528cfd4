"""Who lives in the sandbox: invented people that every simulated system knows."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from idp.sandbox.citizens import CITIZENS, ORGANISATIONS
from idp.sandbox.invent import Taken, complete
from idp.sandbox.person import Person, Phone

__all__ = ["People", "Person", "Phone"]


class People:
    """The registry; added people are kept in ``folder`` and are back after a restart."""

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._people: list[Person] = []
        self._added: list[Person] = []
        self._by_phone: dict[str, tuple[Person, Phone]] = {}
        self._ids: set[str] = set()
        self._file = folder / "people.json" if folder is not None else None
        for fields in (*CITIZENS, *ORGANISATIONS):
            self._remember(self._build(fields))
        if self._file is not None and self._file.exists():
            for fields in json.loads(self._file.read_text("utf-8")):
                person = self._build(fields)
                self._remember(person)
                self._added.append(person)

    def all(self) -> tuple[Person, ...]:
        """Everyone, in the order in which they came."""
        with self._lock:
            return tuple(self._people)

    def owner_of(self, number: str) -> tuple[Person, Phone] | None:
        """Who subscribes to this national number."""
        with self._lock:
            return self._by_phone.get(number)

    def find(self, key: str) -> Person | None:
        """Somebody by id number, tax code or agency code."""
        with self._lock:
            return next((person for person in self._people if person.key == key), None)

    def holder_of_sim(self, number: str) -> Person | None:
        """Whose signing SIM has this national number."""
        with self._lock:
            return next((p for p in self._people if p.sim and p.sim.number == number), None)

    def insured(self, code: str) -> Person | None:
        """Who has this social-insurance code, or this personal number in its place."""
        with self._lock:
            return next(
                (p for p in self._people if p.bhxh_code and code in (p.bhxh_code, p.id_number)),
                None,
            )

    def add(self, fields: Mapping[str, object]) -> Person:
        """A new person; what is left out is invented. ValueError says what is wrong."""
        with self._lock:
            person = self._build(fields)
            self._added.append(person)
            try:
                self._save()
            except OSError:
                self._added.pop()
                raise
            self._remember(person)
            return person

    def _build(self, fields: Mapping[str, object]) -> Person:
        return complete(fields, taken=Taken(ids=self._ids, phones=self._by_phone.keys()))

    def _remember(self, person: Person) -> None:
        self._people.append(person)
        self._ids.add(person.key)
        if person.cmnd is not None:
            self._ids.add(person.cmnd)
        for phone in person.phones:
            self._by_phone[phone.number] = (person, phone)

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        text = json.dumps([p.as_json() for p in self._added], ensure_ascii=False, indent=1)
        new.write_text(text, "utf-8")
        new.replace(self._file)
