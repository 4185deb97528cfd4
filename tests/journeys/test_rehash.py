"""Security, limits: a password is hashed anew at sign-in when the parameters have changed."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher as Argon2

from idp.domain.events import Event
from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from tests.journeys.test_totp import begins, enters
from tests.support.build import VAULT
from tests.support.house import PERSON, Browser, House


def kept(house: House) -> str:
    accounts = AccountStore(house.database, VAULT)
    found = accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    assert found
    return found.password_hash or ""


def rehashed(house: House) -> int:
    accounts = AccountStore(house.database, VAULT)
    found = accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    assert found
    events = AuditStore(house.database, VAULT).of_account(found.id)
    return sum(each.event is Event.PASSWORD_REHASHED for each in events)


def asks_for_more(house: House) -> None:
    """As after a restart with ``[password] time_cost`` raised."""
    hasher = house.app.extensions["idp.house"].login.steps.first_method.login.hasher
    hasher._argon2 = Argon2(time_cost=2, memory_cost=64, parallelism=1)


def by_code(browser: Browser) -> None:
    browser.house.clock.forward(minutes=2)
    browser.signs_in_again()


def test_a_password_is_hashed_anew_at_sign_in_when_the_parameters_have_changed(
    house: House,
) -> None:
    browser = house.browser()
    browser.registers()
    assert ",t=1," in kept(house)
    asks_for_more(house)

    by_code(browser)
    stronger = kept(house)
    by_code(browser)

    assert ",t=2," in stronger
    assert kept(house) == stronger
    assert rehashed(house) == 1


def test_so_it_is_when_an_authenticator_app_brings_the_code(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.signs_in()
    app = begins(browser)
    browser.post({"code": app.code})
    house.clock.forward(seconds=30)
    asks_for_more(house)

    enters(house.browser(), app.code)

    assert ",t=2," in kept(house)
    assert rehashed(house) == 1


@pytest.mark.parametrize("password", ["Sai-Mật-Khẩu-99", ""])
def test_a_wrong_password_changes_nothing(house: House, password: str) -> None:
    browser = house.browser()
    browser.registers()
    before = kept(house)
    asks_for_more(house)
    browser.get("/login")

    browser.types_password(password=password)

    assert kept(house) == before
    assert rehashed(house) == 0
