"""Citizens whose accounts another system kept: one JSON object a line (docs/operating.md).

An account comes with what a registry or a clerk verified there, at level 2. Level 3 is never
imported: whoever has a certificate shows it once, and the account rises then (S6). Enterprises
and agencies have nothing but their certificates, so they register with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import msgspec

from idp.authenticators.citizen_form import Reader
from idp.authenticators.contract import Method
from idp.domain import passwords
from idp.domain.accounts import Attribute
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict
from idp.domain.subjects import InsuranceCode, PhoneNumber
from idp.flows.counter import Card, Unreadable, read_card
from idp.ports import Clock
from idp.storage.imports import Imported, ImportStore

_LONGEST = 200
_TRIES = 3


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line. ``phones`` are those that codes went to, the default first.

    ``method`` is the way of registering that the facts were verified like, ``verified_at`` when;
    ``source`` whoever vouched (``carrier:<name>``), where the method's name does not say it.
    """

    id_number: str
    full_name: str
    birth_date: str
    phones: list[str]
    method: str
    verified_at: datetime
    other_id_numbers: list[str] = []
    sex: Literal["male", "female", ""] = ""
    email: str = ""
    insurance_code: str = ""
    source: str = ""
    reference: str = ""
    vouched_by: str = ""
    password_hash: str = ""


@dataclass(frozen=True, slots=True)
class Faulty:
    """A line that opens no account: every fault of it, without what it says of anybody."""

    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Importer:
    """Reads and writes; ``accepts`` tells which password hashes of another system are taken."""

    store: ImportStore
    methods: Mapping[str, Method]
    accepts: Callable[[str], bool]
    most_phones: int
    clock: Clock

    def run(self, lines: Sequence[bytes]) -> list[Faulty | None]:
        """Open the accounts of these lines; answers line by line what was wrong, if anything."""
        now = self.clock()
        found = [self.read(line, now=now) for line in lines]
        good = [one for one in found if isinstance(one, Imported)]
        opened = iter(self._add(good, now=now))
        exists = Faulty(("account.exists",))
        return [
            one if isinstance(one, Faulty) else None if next(opened) else exists for one in found
        ]

    def _add(self, batch: list[Imported], *, now: datetime) -> list[bool]:
        for _ in range(_TRIES - 1):
            try:
                return self.store.add(batch, now=now)
            except Conflict:
                continue  # somebody of the batch registered at that moment: now they are known
        return self.store.add(batch, now=now)

    def read(self, line: bytes, *, now: datetime) -> Imported | Faulty:
        """The account of a line, or everything that is wrong with it."""
        try:
            record = msgspec.json.decode(line, type=Record)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return Faulty(("record.form",))
        card = Card(
            record.id_number,
            record.full_name,
            record.birth_date,
            (record.phones or [""])[0],
            record.sex,
            record.email,
            tuple(record.other_id_numbers),
        )
        source = record.source or record.method
        identity = read_card(card, source=source, office=record.reference, now=now)
        further = {f"phones[{n}]": text for n, text in enumerate(record.phones) if n}
        reader = Reader({**further, "insurance_code": record.insurance_code})
        others = [reader.read(name, PhoneNumber.parse) for name in further]
        has_code = bool(record.insurance_code)
        code = reader.read("insurance_code", InsuranceCode.parse) if has_code else None
        faults = [*self._faults(record, now=now), *reader.errors.values()]
        if isinstance(identity, Unreadable):
            faults += identity.faults.values()
        if faults or isinstance(identity, Unreadable):
            return Faulty(tuple(dict.fromkeys(faults)))
        more = {Attribute.INSURANCE_CODE: code.value} if code else {}
        return Imported(
            replace(identity, verified_at=record.verified_at, more=more),
            _evidence(record),
            tuple(dict.fromkeys(each for each in others if each and each != identity.phone)),
            passwords.imported(record.password_hash) if record.password_hash else "",
        )

    def _faults(self, record: Record, *, now: datetime) -> Iterator[str]:
        """What is wrong with the rest of the record."""
        method, at = self.methods.get(record.method), record.verified_at
        attestation = method.attestation if method else None
        if method is None or method.ial is not IAL.MEDIUM or attestation is None:
            yield "method.unknown"
        elif not attestation.organization and not record.source.partition(":")[2]:
            yield "source.missing"
        if at.tzinfo is None or at > now:
            yield "verified_at.form"
        texts = (record.source, record.reference, record.vouched_by)
        if not all(len(text) <= _LONGEST and text.isprintable() for text in texts):
            yield "text.form"
        if not 0 < len(record.phones) <= self.most_phones:
            yield "phones.number"
        if record.password_hash and not self.accepts(record.password_hash):
            yield "password_hash.form"


def _evidence(record: Record) -> Evidence:
    amr, vouched_by = (Amr.SMS, Amr.OTP), record.vouched_by or None
    return Evidence(record.method, IAL.MEDIUM, amr, record.verified_at, vouched_by=vouched_by)
