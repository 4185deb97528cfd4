"""A whole provider in the test's own process, with a carrier and a phone in memory."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from idp import app as application
from idp.authenticators import Ports as Outside
from idp.config import Config
from idp.domain.agencies import Agency, AgencySubject
from idp.domain.certificates import Authority
from idp.domain.certificates import Path as CertificatePath
from idp.domain.clients import Client
from idp.domain.errors import PortUnavailable
from idp.domain.passwords import PasswordHasher
from idp.domain.subjects import (
    AgencyCode,
    BirthDate,
    IdNumber,
    InsuranceCode,
    NameForm,
    PersonName,
    PhoneNumber,
    Sex,
)
from idp.oidc import decryption
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_metadata import build as build_client
from idp.oidc.keys import KeyRing
from idp.oidc.registration import new_client
from idp.oidc.response_types import offered
from idp.ports import (
    Good,
    InsuredRecord,
    PostalRecord,
    Revocation,
    SignatureFailed,
    SignaturePending,
    SignatureState,
    SubscriberRecord,
    WebClient,
)
from idp.storage.activations import ActivationStore
from idp.storage.agencies import AgencyStore
from idp.storage.clients import ClientStore
from idp.storage.database import Database
from idp.storage.outbox import OutboxStore
from tests.support import pki, warm
from tests.support.build import NOW, VAULT, TestClock

PASSWORD = "Sông-Hồng-2026-xanh"


@dataclass
class MemoryCarrier:
    """The fake of the subscriber registry: one record per number."""

    records: dict[str, SubscriberRecord] = field(default_factory=dict)
    is_down: bool = False
    asked: int = 0
    meeting: Barrier | None = None

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
        if self.meeting:
            self.meeting.wait(timeout=20)
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

    def plain(self, phone: str, *, name: str) -> None:
        """A register that writes that subscriber's name without accents."""
        key = PhoneNumber.parse(phone).e164
        changes = {"name": PersonName.parse(name), "name_form": NameForm.UNACCENTED}
        self.records[key] = replace(self.records[key], **changes)


@dataclass
class MemoryInsurance:
    """The fake of the social-insurance database."""

    records: dict[str, InsuredRecord] = field(default_factory=dict)
    is_down: bool = False

    def find_insured(self, *, code: InsuranceCode, request_id: UUID) -> InsuredRecord | None:
        del request_id
        if self.is_down:
            raise PortUnavailable("bhxh")
        return self.records.get(code.value)

    def add(self, code: str, *numbers: str, name: str, birth_date: str) -> None:
        self.records[code] = InsuredRecord(
            tuple(map(IdNumber.parse, numbers)),
            PersonName.parse(name),
            NameForm.ACCENTED,
            BirthDate.from_iso(birth_date),
            Sex.MALE,
        )


@dataclass
class MemoryStatus:
    """The fake of OCSP and CRL: by serial number."""

    states: dict[int, Revocation] = field(default_factory=dict)
    is_down: bool = False
    asked: int = 0

    def check(self, path: CertificatePath, *, now: datetime) -> Revocation:
        del now
        self.asked += 1
        if self.is_down:
            raise PortUnavailable("ocsp")
        return self.states.get(path.leaf.serial_number, Good())

    def check_number(
        self, authorities: tuple[Authority, ...], number: int, *, now: datetime
    ) -> Revocation:
        del authorities, now
        self.asked += 1
        if self.is_down:
            raise PortUnavailable("ocsp")
        return self.states.get(number, Good())


@dataclass
class MemorySigner:
    """The fake of the signature platform: one prompt at a time, answered by the test."""

    prompts: list[dict[str, Any]] = field(default_factory=list)
    state: SignatureState = field(default_factory=SignaturePending)
    refuses: SignatureFailed | None = None
    is_down: bool = False
    failure: type[PortUnavailable] = PortUnavailable
    failed: int = 0

    def start(self, **asked: Any) -> str | SignatureFailed:
        if self.is_down:
            self.failed += 1
            raise self.failure("mssp")
        self.state = SignaturePending()
        self.prompts.append(asked)
        return self.refuses or f"t{len(self.prompts)}"

    def poll(self, transaction: str) -> SignatureState:
        assert transaction == f"t{len(self.prompts)}"
        if self.is_down:
            raise PortUnavailable("mssp")
        return self.state


@dataclass
class MemoryCounter:
    """The fake of the post offices: nobody was there."""

    def find_activation(
        self, *, code: str, id_number: IdNumber, now: datetime
    ) -> PostalRecord | None:
        del code, id_number, now
        return None

    def is_replaced(self, key: str) -> bool:
        del key
        return False


@dataclass
class MemoryDirectory:
    """The fake of the agency directory: it knows nobody."""

    asked: list[AgencySubject] = field(default_factory=list)

    def find(self, code: AgencyCode) -> Agency | None:
        del code

    def resolve(self, subject: AgencySubject) -> Agency | None:
        del subject

    def ask(self, subject: AgencySubject, *, now: datetime) -> None:
        del now
        self.asked.append(subject)


def outside(hasher: PasswordHasher | None = None) -> Outside:
    """Everything that methods need, empty."""
    hasher = hasher or PasswordHasher(b"p" * 32, time_cost=1, memory_kib=64, max_parallel=16)
    return Outside(
        hasher=hasher,
        subscribers=MemoryCarrier(),
        insurance=MemoryInsurance(),
        counter=MemoryCounter(),
        trust=pki.pki().store(),
        certificate_status=MemoryStatus(),
        directory=MemoryDirectory(),
        mobile_signer=MemorySigner(),
        carriers=("viettel", "vinaphone"),
        issuer="http://localhost:8000",
        origin="http://localhost:8000",
    )


@dataclass
class House:
    """Provider, carrier and clock of one test."""

    app: Flask
    carrier: MemoryCarrier
    insurance: MemoryInsurance
    status: MemoryStatus
    signer: MemorySigner
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
        messages = [job for job in jobs if job.kind in {"sms", "mail"}]
        return [dict(job.payload) for job in sorted(messages, key=lambda job: job.id)]

    def last_code(self) -> str:
        """The code of the newest text message that has one."""
        return self._last_code(lambda message: "subject" not in message)

    def last_letter_code(self) -> str:
        """The code of the newest letter that has one."""
        return self._last_code(lambda message: "subject" in message)

    def _last_code(self, is_wanted: Callable[[dict[str, str]], bool]) -> str:
        found = [
            code[0]
            for message in self.messages()
            if is_wanted(message) and (code := re.search(r" (?<!\d)\d{6}(?!\d)", message["text"]))
        ]
        return found[-1].strip()

    def forget_messages(self) -> None:
        """As if the worker had delivered them all."""
        outbox = OutboxStore(self.database, self.base.vault)
        for job in outbox.claim(now=self.clock(), limit=1000, lease=_NO_TIME):
            outbox.finish(job, "delivered", now=self.clock())

    def settings_otp(self, **changes: int) -> None:
        """Other limits for codes from now on."""
        self._settings("otp", **changes)

    def settings_limits(self, **changes: int) -> None:
        """Other limits on guesses from now on."""
        self._settings("limits", **changes)

    def _settings(self, section: str, **changes: int) -> None:
        found = self.app.extensions["idp.house"]
        for limits in (found.login.steps.limits, found.account.limits):
            changed = {section: replace(getattr(limits.settings, section), **changes)}
            object.__setattr__(limits, "settings", replace(limits.settings, **changed))


_NO_TIME = timedelta(seconds=-1)
"""A lease that is over at once, so that a message can be looked at twice."""


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

    def visit(self, path: str) -> TestResponse:
        """Go to a portal's request and through our pages, up to the redirect to the portal."""
        self.page = self.client.get(path)
        return self.follow()

    def follow(self) -> TestResponse:
        """Follow our own redirects, not one to a portal."""
        assert self.page
        while self.page.status_code == 303 and self.page.headers["Location"].startswith("/"):
            self.page = self.client.get(self.page.headers["Location"])
        return self.page

    def send(self, values: dict[str, str]) -> TestResponse:
        """Post this page's form and stop at a redirect to a portal."""
        assert self.page
        form = {"csrf": self._csrf(), **values}
        self.page = self.client.post(self.page.request.path, data=form)
        return self.follow()

    def signs_in_at(self, path: str) -> TestResponse:
        """Everything a portal's first visitor does."""
        self.visit(path)
        self.send({"username": PERSON["username"], "password": PASSWORD})
        self.send({"code": self.house.last_code()})
        return self.send({"do": "confirm"})

    # --- journeys -------------------------------------------------------------------------------

    def opens_registration(self, method: str = "mobile") -> TestResponse:
        self.get("/register")
        return self.post({"subject": "citizen", "method": method})

    def fills_in(self, **changes: str) -> TestResponse:
        return self.post({**PERSON, "captcha": "12345", **changes})

    def registers(self, **changes: str) -> TestResponse:
        self.opens_registration()
        self.fills_in(**changes)
        self.post({"code": self.house.last_code()})
        return self.post({"password": PASSWORD, "password_again": PASSWORD})

    def types_password(self, username: str = "", password: str = PASSWORD) -> TestResponse:
        return self.post({"username": username or PERSON["username"], "password": password})

    def types_again(self, password: str = PASSWORD) -> TestResponse:
        """Number and password with the captcha that a second try asks for."""
        page = self.types_password(password=password)
        if 'name="captcha"' not in page.text:
            return page
        form = {"username": PERSON["username"], "password": password, "captcha": "12345"}
        return self.post(form)

    def signs_in_again(self) -> TestResponse:
        self.get("/login")
        self.types_again()
        return self.post({"code": self.house.last_code()})

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
    loaded = warm.shipped()
    changed = {
        name: changes if name == "systems" else replace(getattr(loaded, name), **changes)
        for name, changes in sections.items()
    }
    database = replace(loaded.database, url=database_url, pool_size=20)
    captcha = changed.pop("captcha", replace(loaded.captcha, test_answer="12345"))
    return replace(loaded, database=database, captcha=captcha, folder=folder, **changed)


@cache
def _signing_keys() -> Path:
    """One set of keys for every test of this process: making RSA keys takes long."""
    made = Path(tempfile.mkdtemp(prefix="idp-keys-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    KeyRing(made / "signing", TestClock(), announce=_NO_TIME, retire=_NO_TIME).ensure()
    decryption.key_ring(made, TestClock(), announce=_NO_TIME, retire=_NO_TIME).ensure()
    return made


def build(
    database_url: str, folder: Path, *, web: WebClient | None = None, **sections: dict[str, Any]
) -> House:
    """A provider on that database, with one subscriber at the carrier."""
    config = config_for(database_url, folder, **sections)
    if not (config.keys_folder / "signing").exists():
        shutil.copytree(_signing_keys(), config.keys_folder, dirs_exist_ok=True)
    clock, carrier = TestClock(), MemoryCarrier()
    database = warm.keep_statements(Database(config.database_url, pool_size=20))
    base = application.Foundation(config, VAULT, database, clock, timer=clock.timer)
    hasher = PasswordHasher(b"p" * 32, time_cost=1, memory_kib=64, max_parallel=16)
    insurance, status, signer = MemoryInsurance(), MemoryStatus(), MemorySigner()
    methods = replace(
        outside(hasher),
        subscribers=carrier,
        insurance=insurance,
        certificate_status=status,
        mobile_signer=signer,
        counter=ActivationStore(database, VAULT),
        directory=AgencyStore(database),
    )
    app = application.create_app(base, application.Ports(methods, clock, web))
    warm.keep_templates(app)
    carrier.add(
        "0821234088", "001072000136", "012345678", name="Nguyễn Văn Hoà", birth_date="01/02/1972"
    )
    return House(app, carrier, insurance, status, signer, clock, base)


def second_node(house: House, database_url: str) -> House:
    """Another process of the same installation, as far as a test can have one."""
    built = build(database_url, house.base.config.folder)
    base = replace(built.base, clock=house.clock, timer=house.clock.timer)
    methods = outside()
    app = application.create_app(base, application.Ports(methods, house.clock))
    warm.keep_templates(app)
    return replace(built, app=app, clock=house.clock, base=base)


@dataclass
class PortalClient:
    """A relying party: it makes requests and redeems codes, and believes nothing unchecked."""

    house: House
    client_id: str
    secret: str
    redirect_uri: str
    verifier: str = "v" * 64

    def request(self, **changes: str | None) -> str:
        values = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid profile identity",
            "state": "s t/ä",
            "nonce": "n-1",
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        kept = {name: value for name, value in values.items() if value is not None}
        return f"/authorize?{urlencode(kept)}"

    def token(self, **form: str) -> TestResponse:
        return self.house.app.test_client().post(
            "/token", data=form, auth=(self.client_id, self.secret)
        )

    def signs_in_with(self, browser: Browser) -> dict[str, Any]:
        """Everything up to the tokens."""
        page = browser.signs_in_at(self.request())
        tokens: dict[str, Any] = self.redeems(answer_of(page)["code"]).get_json()
        return tokens

    def redeems(self, code: str, /, **changes: str) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.token(**form)

    def claims(self, token: str) -> dict[str, Any]:
        """The claims, verified by another library against the published keys."""
        jwks = KeySet.import_key_set(self.house.app.test_client().get("/jwks").get_json())
        return jwt.decode(token, jwks, algorithms=["ES256", "RS256"]).claims


def answer_of(response: TestResponse) -> dict[str, str]:
    """What a redirect tells a portal."""
    return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


def add_portal(house: House, client_id: str = "hanoi", **metadata: Any) -> PortalClient:
    redirect_uri = f"https://{client_id}.example.vn/callback"
    found = {
        "client_id": client_id,
        "client_name": f"Cổng {client_id}",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "id_token_signed_response_alg": "ES256",
        "scope": "openid profile phone email identity offline_access",
        **metadata,
    }
    among = offered(house.base.config.oidc)
    stored, answer = new_client(found, Loopback.ALLOWED, source="cli", issued_at=0, among=among)
    clients: ClientStore[Client] = ClientStore(house.database, build_client)
    with house.database.transaction() as connection:
        clients.save(connection, stored, now=NOW)
    return PortalClient(house, client_id, answer.get("client_secret", ""), redirect_uri)
