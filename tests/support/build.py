"""Builders with valid defaults: a test names only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.sessions import Device
from idp.domain.subjects import (
    BirthDate,
    EmailAddress,
    IdNumber,
    PersonName,
    PhoneNumber,
    Sex,
    SubjectKind,
)
from idp.storage.accounts import AccountStore
from idp.storage.database import Database
from idp.storage.sessions import Lifetimes, SessionStore
from idp.storage.vault import Vault

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
VAULT = Vault(b"m" * 32)
DEVICE = Device("192.0.2.7", "Firefox")
LIFETIMES = Lifetimes(timedelta(minutes=30), timedelta(hours=12))


class TestClock:
    """A clock that stands still until it is told to move."""

    __test__ = False

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def timer(self) -> float:
        """The same as seconds: what is remembered for two of them is, however slow the machine."""
        return self.now.timestamp()

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


def identity(**changes: Any) -> Identity:
    plain = Identity(
        kind=SubjectKind.CITIZEN,
        id_numbers=(IdNumber.parse("001072000136"),),
        name=PersonName.parse("Nguyễn Văn Hoà"),
        birth_date=BirthDate.parse("01/02/1972"),
        sex=Sex.MALE,
        phone=PhoneNumber.parse("0821234088"),
        email=EmailAddress.parse("hoa@example.vn"),
        source="carrier:vinaphone",
        reference="vinaphone",
        verified_at=NOW,
    )
    return replace(plain, **changes)


def evidence(**changes: Any) -> Evidence:
    amr = (Amr.PWD, Amr.SMS, Amr.OTP, Amr.MFA)
    return replace(Evidence("password_otp", IAL.MEDIUM, amr, NOW), **changes)


def open_account(database: Database, **changes: Any) -> UUID:
    accounts = AccountStore(database, VAULT)
    with database.transaction() as connection:
        return accounts.open_account(
            connection, identity(**changes), evidence(), password_hash="hash", now=NOW
        )


def open_session(database: Database, account_id: UUID) -> tuple[UUID, str]:
    sessions = SessionStore(database, VAULT, LIFETIMES)
    with database.transaction() as connection:
        return sessions.add(connection, account_id, [evidence()], device=DEVICE, now=NOW)
