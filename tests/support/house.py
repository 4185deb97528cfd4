"""A whole provider in the test's own process, with a carrier and a phone in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp import app as application
from idp import config as settings
from idp.config import Config
from idp.domain.errors import PortUnavailable
from idp.domain.passwords import PasswordHasher
from idp.domain.subjects import (
    BirthDate,
    IdNumber,
    NameForm,
    PersonName,
    PhoneNumber,
    Sex,
)
from idp.ports import SubscriberRecord
from idp.storage.database import Database
from idp.storage.outbox import OutboxStore
from tests.support.build import NOW, VAULT, TestClock

PASSWORD = "Sông-Hồng-2026-xanh"


@dataclass
class MemoryCarrier:
    """The fake of the subscriber registry: one record per number."""

    records: dict[str, SubscriberRecord] = field(default_factory=dict)
    is_down: bool = False
    asked: int = 0

    def find_subscriber(
        self,
        *,
        phone: PhoneNumber,
        id_number: IdNumber,
        name: PersonName,
        birth_date: BirthDate,
        request_id: UUID,
    ) -> SubscriberRecord | None:
        del name, birth_date, request_id
        self.asked += 1
        if self.is_down:
            raise PortUnavailable("carrier")
        record = self.records.get(phone.e164)
        return record if record and id_number in record.id_numbers else None

    def add(self, phone: str, *numbers: str, name: str, birth_date: str) -> None:
        self.records[PhoneNumber.parse(phone).e164] = SubscriberRecord(
            tuple(map(IdNumber.parse, numbers)),
            PersonName.parse(name),
            NameForm.ACCENTED,
            BirthDate.parse(birth_date),
            Sex.MALE,
            "vinaphone",
        )


@dataclass
class House:
    """Provider, carrier and clock of one test."""

    app: Flask
    carrier: MemoryCarrier
    clock: TestClock
    base: application.Foundation

    @property
    def database(self) -> Database:
        return self.base.database

    def browser(self) -> Browser:
        return Browser(self, self.app.test_client())

    def messages(self) -> list[dict[str, str]]:
        """Every text message that waits to be sent, oldest first."""
        outbox = OutboxStore(self.database, self.base.vault)
        jobs = outbox.claim(now=self.clock(), limit=1000, lease=_NO_TIME)
        return [dict(job.payload) for job in sorted(jobs, key=lambda job: job.id)]

    def last_code(self) -> str:
        found = re.search(r"(?<!\d)\d{6}(?!\d)", self.messages()[-1]["text"])
        assert found
        return found[0]


_NO_TIME = NOW - NOW


@dataclass
class Browser:
    """A browser without JavaScript: it knows the forms of the page it is on."""

    house: House
    client: FlaskClient
    page: TestResponse | None = None

    def get(self, path: str) -> TestResponse:
        self.page = self.client.get(path, follow_redirects=True)
        return self.page

    def post(self, values: dict[str, str], path: str | None = None) -> TestResponse:
        assert self.page
        form = {"csrf": self._csrf(), **values}
        self.page = self.client.post(
            path or self.page.request.path, data=form, follow_redirects=True
        )
        return self.page

    def _csrf(self) -> str:
        assert self.page
        found = re.search(r'name="csrf" value="([^"]+)"', self.page.text)
        assert found, self.page.text
        return found[1]

    @property
    def text(self) -> str:
        assert self.page
        return self.page.text

    @property
    def path(self) -> str:
        assert self.page
        return self.page.request.path

    # --- journeys -------------------------------------------------------------------------------

    def opens_registration(self) -> TestResponse:
        self.get("/register")
        return self.post({"subject": "citizen", "method": "mobile"})

    def fills_in(self, **changes: str) -> TestResponse:
        return self.post({**PERSON, "captcha": "12345", **changes})

    def registers(self, **changes: str) -> TestResponse:
        self.opens_registration()
        self.fills_in(**changes)
        self.post({"code": self.house.last_code()})
        return self.post({"password": PASSWORD, "password_again": PASSWORD})

    def types_password(self, username: str = "", password: str = PASSWORD) -> TestResponse:
        return self.post({"username": username or PERSON["username"], "password": password})

    def signs_in(self) -> TestResponse:
        self.get("/login")
        self.types_password()
        return self.post({"code": self.house.last_code()})


PERSON = {
    "username": "001072000136",
    "full_name": "Nguyễn Văn Hoà",
    "birth_date": "01/02/1972",
    "phone": "0821234088",
    "email": "hoa@example.vn",
}


def config_for(database_url: str, folder: Path, **sections: dict[str, Any]) -> Config:
    """Demo settings: a captcha answer is known, limits are as shipped."""
    loaded = settings.load(Path(__file__).parents[2] / "config.toml", {})
    changed = {
        name: replace(getattr(loaded, name), **changes) for name, changes in sections.items()
    }
    database = replace(loaded.database, url=database_url, pool_size=20)
    captcha = changed.pop("captcha", replace(loaded.captcha, test_answer="12345"))
    return replace(loaded, database=database, captcha=captcha, folder=folder, **changed)


def build(database_url: str, folder: Path, **sections: dict[str, Any]) -> House:
    """A provider on that database, with one subscriber at the carrier."""
    config = config_for(database_url, folder, **sections)
    clock, carrier = TestClock(), MemoryCarrier()
    database = Database(config.database_url, pool_size=20)
    base = application.Foundation(config, VAULT, database, clock)
    hasher = PasswordHasher(b"p" * 32, time_cost=1, memory_kib=64, max_parallel=16)
    app = application.create_app(base, application.Ports(carrier, clock, hasher))
    carrier.add(
        "0821234088", "001072000136", "012345678", name="Nguyễn Văn Hòa", birth_date="01/02/1972"
    )
    return House(app, carrier, clock, base)
