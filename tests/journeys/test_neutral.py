"""Rule 6: an answer about nobody costs the same work as one about somebody.

How long they take is measured by ``tests/benchmarks/bench_neutral.py``; here what is counted:
password hashes, statements, commits and rows of the outbox, for accounts in every state: frozen,
held, closing, without SMS, with a certificate only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select

from idp.domain.events import Event
from idp.domain.passwords import PasswordHasher
from idp.storage.audit import AuditStore
from idp.storage.models import OutboxRow
from tests.journeys.test_account import signed_in
from tests.journeys.test_activity import closes
from tests.journeys.test_no_sms import wants_no_sms
from tests.journeys.test_operator import freeze
from tests.journeys.test_recovery import STRANGER, asks, replaces
from tests.journeys.test_usb import certificate, registers
from tests.support.decoupled import add_office
from tests.support.house import PERSON, Browser, House


@dataclass(frozen=True)
class Work:
    hashes: int
    statements: int
    commits: int
    messages: int


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every comparison of a password, as it happens."""
    done: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: str | None, password: str) -> object:
        done.append(password)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    return done


def work_of(house: House, hashes: list[str], act: Callable[[], object]) -> Work:
    hashes.clear()
    waiting, counted = outbox(house), house.database.counted
    before = (counted.statements, counted.commits)
    act()
    done = (counted.statements - before[0], counted.commits - before[1])
    return Work(len(hashes), *done, outbox(house) - waiting)


def outbox(house: House) -> int:
    """Every row, also of what is sent to nobody."""
    with house.database.transaction() as connection:
        return connection.scalar(select(func.count()).select_from(OutboxRow)) or 0


def at_login(house: House, tab: str) -> Browser:
    browser = house.browser()
    browser.get("/login")
    browser.get(f"{browser.path}?method={tab}")
    return browser


def tries(browser: Browser, username: str) -> None:
    browser.post({"username": username, "password": "Sai-Mật-Khẩu-9", "code": "123456"})


@pytest.mark.parametrize("tab", ["password_otp", "totp"])
def test_a_wrong_password_costs_the_same_for_nobody(
    house: House, hashes: list[str], tab: str
) -> None:
    house.browser().registers()
    known, unknown = at_login(house, tab), at_login(house, tab)

    first = work_of(house, hashes, lambda: tries(known, PERSON["username"]))
    second = work_of(house, hashes, lambda: tries(unknown, STRANGER))

    assert first == second
    assert first.hashes == 1


def test_a_forgotten_password_costs_the_same_for_nobody(house: House, hashes: list[str]) -> None:
    house.browser().registers()

    first = work_of(house, hashes, lambda: asks(house))
    second = work_of(house, hashes, lambda: asks(house, STRANGER))

    assert first == second
    assert first.messages == 1


@pytest.mark.parametrize("form", [{"code": "000000"}, {"do": "resend"}])
def test_what_follows_a_forgotten_password_costs_the_same_for_nobody(
    house: House, hashes: list[str], form: dict[str, str]
) -> None:
    house.browser().registers()
    known, unknown = asks(house), asks(house, STRANGER)
    house.clock.forward(seconds=61)

    first = work_of(house, hashes, lambda: known.post(form))
    second = work_of(house, hashes, lambda: unknown.post(form))

    assert first == second


def is_frozen(house: House) -> None:
    house.browser().registers()
    freeze(house, PERSON["username"])


def has_a_certificate_only(house: House) -> None:
    registers(house.browser(), certificate())


STATES: list[Callable[[House], object]] = [
    *(is_frozen, has_a_certificate_only, wants_no_sms, replaces, closes)
]
A_STATE = pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)


@A_STATE
@pytest.mark.parametrize("tab", ["password_otp", "totp"])
def test_a_wrong_password_costs_the_same_in_every_state_of_the_account(
    house: House, hashes: list[str], state: Callable[[House], object], tab: str
) -> None:
    state(house)
    house.clock.forward(minutes=20)
    known, unknown = at_login(house, tab), at_login(house, tab)

    first = work_of(house, hashes, lambda: tries(known, PERSON["username"]))
    second = work_of(house, hashes, lambda: tries(unknown, STRANGER))

    assert first == second
    assert first.hashes == 1
    assert known.text.count("không đúng") == unknown.text.count("không đúng") > 0


@A_STATE
def test_a_forgotten_password_costs_the_same_in_every_state_of_the_account(
    house: House, hashes: list[str], state: Callable[[House], object]
) -> None:
    state(house)
    house.clock.forward(minutes=20)
    pages: list[Browser] = []

    first = work_of(house, hashes, lambda: pages.append(asks(house)))
    second = work_of(house, hashes, lambda: pages.append(asks(house, STRANGER)))
    wrong = [
        work_of(house, hashes, lambda page=page: page.post({"code": "000000"}))  # type: ignore[misc]
        for page in pages
    ]

    assert first == second
    assert first.messages == 1
    assert wrong[0] == wrong[1]


def test_a_counter_code_costs_the_same_for_nobody(house: House, hashes: list[str]) -> None:
    house.browser().registers()

    def uses(username: str) -> None:
        browser = house.browser()
        browser.get("/forgot?way=counter")
        browser.post({"username": username, "recovery_code": "A" * 12, "captcha": "12345"})

    first = work_of(house, hashes, lambda: uses(PERSON["username"]))
    second = work_of(house, hashes, lambda: uses(STRANGER))

    assert first == second


def test_a_lost_phone_costs_the_same_whoever_the_new_number_belongs_to(
    house: House, hashes: list[str]
) -> None:
    signed_in(house)
    house.clock.forward(minutes=20)
    somebodys, nobodys = "0912345678", "0912345679"
    house.carrier.add(somebodys, "079199000001", name="Trần Thị Lan", birth_date="03/04/1980")

    def loses(number: str) -> Browser:
        browser = house.browser()
        browser.get("/login")
        browser.types_again()
        browser.get(browser.path + "/lost-phone")
        browser.post({"phone": number, "captcha": "12345"})
        return browser

    def confirms(browser: Browser) -> Work:
        code = house.last_code()
        return work_of(house, hashes, lambda: browser.post({"code": code}))

    first = confirms(loses(somebodys))
    second = confirms(loses(nobodys))

    assert first == second


def test_somebody_who_tries_numbers_is_seen_in_the_audit(house: House) -> None:
    browser = at_login(house, "password_otp")

    tries(browser, STRANGER)

    audit = AuditStore(house.database, house.base.vault)
    audit.seal_pending()
    [event] = [linked.event for linked in audit.export()]
    assert (event.event, event.account_id) == (Event.LOGIN_REFUSED, None)
    assert STRANGER not in repr(event)


@pytest.mark.parametrize("scope", ["openid", "openid profile identity"])
@pytest.mark.parametrize("state", [None, is_frozen], ids=["open", "frozen"])
def test_ciba_15_a_question_about_a_number_costs_the_same_for_nobody(
    house: House, hashes: list[str], scope: str, state: Callable[[House], object] | None
) -> None:
    """Also the eleventh of a day, when the person is no longer told of each."""
    (state or (lambda found: found.browser().registers()))(house)
    office = add_office(house, scope=scope)
    for _ in range(12):
        house.clock.forward(minutes=11)
        office.polls()  # so that the client is known again
        first = work_of(house, hashes, lambda: office.asks(scope=scope))
        second = work_of(house, hashes, lambda: office.asks(login_hint=STRANGER, scope=scope))
        assert first == second
