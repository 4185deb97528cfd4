"""Citizens whose accounts another system kept: one JSON object a line (docs/operating.md).

An account comes with what a registry or a clerk verified there, at level 2. Level 3 is never
imported: whoever has a certificate shows it once, and the account rises then (S6). Enterprises
and agencies have nothing but their certificates, so they register with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeVar

import msgspec

from idp.authenticators.contract import Method
from idp.domain import passwords
from idp.domain.accounts import Attribute, Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    InsuranceCode,
    PersonName,
    PhoneNumber,
    Sex,
    SubjectKind,
)
from idp.ports import Clock
from idp.storage.imports import Imported, ImportStore

T = TypeVar("T")
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
        reader = _Reader()
        identity = self._identity(record, reader, now=now)
        others = [reader.read(text, PhoneNumber.parse) for text in record.phones[1:]]
        if not 0 < len(record.phones) <= self.most_phones:
            reader.faults.append("phones.number")
        if record.password_hash and not self.accepts(record.password_hash):
            reader.faults.append("password_hash.form")
        evidence = self._evidence(record, reader, now=now)
        if reader.faults or identity is None:
            return Faulty(tuple(dict.fromkeys(reader.faults)))
        hashed = passwords.imported(record.password_hash) if record.password_hash else ""
        first = identity.phone
        further = tuple(dict.fromkeys(one for one in others if one and one != first))
        return Imported(identity, evidence, further, hashed)

    def _identity(self, record: Record, reader: _Reader, *, now: datetime) -> Identity | None:
        texts = (record.id_number, *record.other_id_numbers)
        numbers = [reader.read(text, IdNumber.parse) for text in texts]
        name = reader.read(record.full_name, PersonName.parse)
        birth_date = reader.read(record.birth_date, _birth_date)
        phone = reader.read((record.phones or [""])[0], PhoneNumber.parse)
        email = reader.read(record.email, EmailAddress.parse) if record.email else None
        typed, sex = record.insurance_code, Sex(record.sex) if record.sex else None
        code = reader.read(typed, InsuranceCode.parse) if typed else None
        if birth_date and birth_date.age_on(now.date()) < 0:
            reader.faults.append("birth_date.future")
        known = tuple(dict.fromkeys(number for number in numbers if number))
        if birth_date and not all(number.agrees_with(birth_date, sex) for number in known):
            reader.faults.append("id_number.birth_date")
        if len({number.kind for number in known}) != len(known):
            reader.faults.append("id_number.kind")
        if name is None or birth_date is None or not known:
            return None
        identity = Identity(
            kind=SubjectKind.CITIZEN,
            id_numbers=known,
            name=name,
            birth_date=birth_date,
            sex=sex,
            phone=phone,
            email=email,
            source=record.source or record.method,
            reference=record.reference,
            verified_at=record.verified_at,
        )
        return replace(identity, more={Attribute.INSURANCE_CODE: code.value}) if code else identity

    def _evidence(self, record: Record, reader: _Reader, *, now: datetime) -> Evidence:
        method, at = self.methods.get(record.method), record.verified_at
        attestation = method.attestation if method else None
        if method is None or method.ial is not IAL.MEDIUM or attestation is None:
            reader.faults.append("method.unknown")
        elif not attestation.organization and not record.source.partition(":")[2]:
            reader.faults.append("source.missing")
        if at.tzinfo is None or at > now:
            reader.faults.append("verified_at.form")
        for text in (record.source, record.reference, record.vouched_by):
            if len(text) > _LONGEST or not text.isprintable():
                reader.faults.append("text.form")
        amr = (Amr.SMS, Amr.OTP)
        return Evidence(record.method, IAL.MEDIUM, amr, at, vouched_by=record.vouched_by or None)


class _Reader:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def read(self, text: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(text)
        except InvalidInput as error:
            self.faults.append(error.code)
            return None


def _birth_date(text: str) -> BirthDate:
    return BirthDate.from_iso(text) if "-" in text else BirthDate.parse(text)
