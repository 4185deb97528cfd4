"""A change that is on its way when its owner says "it was not me" comes too late.

The freeze is put exactly between the check of a request and its transaction, where a thief who is
quick, or a carrier that is slow, would have it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from idp.domain.accounts import Account, AccountStatus
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.flows.account import AccountFlow
from idp.storage.accounts import AccountStore
from tests.journeys.test_account import NEW, SECOND, adds_phone, signed_in
from tests.journeys.test_levels import certificate
from tests.journeys.test_no_sms import wants_no_sms
from tests.journeys.test_operator import freeze
from tests.journeys.test_recovery import loses_phone, owns
from tests.journeys.test_usb import signs
from tests.support.house import PASSWORD, PERSON, Browser, House

NUMBER, THIRD = PERSON["username"], "0987654321"


def account(house: House) -> Account:
    found = AccountStore(house.database, house.base.vault).find_by_id_number(IdNumber.parse(NUMBER))
    assert found
    return found


def ways_in(house: House) -> tuple[object, ...]:
    found = account(house)
    phones = {(phone.number, phone.is_default) for phone in found.phones}
    return phones, found.password_hash, found.allows_sms, found.ial


class Freezing(Barrier):
    """A carrier that takes its time: meanwhile something happens."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(1)
        self.act = act

    def wait(self, timeout: float | None = None) -> int:
        del timeout
        self.act()
        return 0


# --- Mất số điện thoại --------------------------------------------------------------------------


def test_a_lost_phone_does_not_overtake_a_freeze_while_the_carrier_is_asked(house: House) -> None:
    house.browser().registers()
    owns(house)
    thief = loses_phone(house)
    before = ways_in(house)
    house.carrier.meeting = Freezing(lambda: freeze(house, NUMBER))

    page = thief.post({"code": house.last_code()})

    house.carrier.meeting = None
    assert page.status_code == 409
    assert ways_in(house) == before
    assert account(house).status is AccountStatus.FROZEN
    assert "Đã đổi số điện thoại" not in thief.get(thief.path).text


@pytest.mark.parametrize("turn", range(3))
def test_of_a_freeze_and_a_lost_phone_at_once_the_thiefs_number_never_stays(
    house: House, turn: int
) -> None:
    owner = signed_in(house)
    owner.get("/account/freeze")
    house.clock.forward(minutes=20)
    owns(house)
    thief = loses_phone(house)
    posts = [
        (thief, {"csrf": thief._csrf(), "code": house.last_code()}),
        (owner, {"csrf": owner._csrf(), "do": "confirm"}),
    ]
    meeting = Barrier(2)

    def fire(post: tuple[Browser, dict[str, str]]) -> int:
        browser, form = post
        meeting.wait(20)
        return browser.client.post(browser.path, data=form).status_code

    with ThreadPoolExecutor(2) as pool:
        replaced, frozen = pool.map(fire, posts if turn % 2 else reversed(posts))

    assert {replaced, frozen} <= {200, 303, 409, 422}
    found = account(house)
    assert found.status is AccountStatus.FROZEN
    assert [phone.number for phone in found.phones] == [PhoneNumber.parse("0821234088")]


def test_a_lost_phone_does_not_overtake_the_wish_for_no_sms(house: House) -> None:
    owner = wants_no_sms(house)
    turn(owner, "on")
    house.clock.forward(minutes=20)
    owns(house)
    thief = loses_phone(house)
    before = {phone.number for phone in account(house).phones}
    owner = house.browser()
    owner.signs_in_again()
    thief_code = [m["text"] for m in house.messages() if m["to"] == PhoneNumber.parse(SECOND).e164]
    house.carrier.meeting = Freezing(lambda: turn(owner, "off"))

    page = thief.post({"code": thief_code[-1].split(" là ")[1][:6]})

    house.carrier.meeting = None
    assert page.status_code == 409
    assert {phone.number for phone in account(house).phones} == before


def turn(owner: Browser, to: str) -> None:
    owner.get("/account/protection")
    owner.post({"name": "allows_sms", "to": to}, "/account/protection/switch")


# --- the owner's pages, with a stolen session ---------------------------------------------------


def types_code(browser: Browser) -> int:
    return browser.post({"code": browser.house.last_code()}).status_code


def makes_default(browser: Browser) -> int:
    other = next(phone for phone in account(browser.house).phones if not phone.is_default)
    return browser.post({"default": other.id.hex}, "/account/methods/phone").status_code


def removes_phone(browser: Browser) -> int:
    other = next(phone for phone in account(browser.house).phones if not phone.is_default)
    return browser.post({"remove": other.id.hex}, "/account/methods/phone").status_code


def removes_token(browser: Browser) -> int:
    browser.get("/account/methods")
    credential = browser.text.split('name="credential" value="')[1][:32]
    form = {"credential": credential}
    return browser.post(form, "/account/methods/remove").status_code


def turns_sms_off(browser: Browser) -> int:
    form = {"name": "allows_sms", "to": "off"}
    return browser.post(form, "/account/protection/switch").status_code


def changes_password(browser: Browser) -> int:
    form = {"current_password": PASSWORD, "password": NEW, "password_again": NEW}
    return browser.post(form, "/account/password").status_code


def wants_to_close(browser: Browser) -> int:
    return browser.post({"do": "close"}, "/account/close").status_code


CHANGES = [
    *(types_code, makes_default, removes_phone, removes_token),
    *(turns_sms_off, changes_password, wants_to_close),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_no_change_overtakes_a_freeze(
    house: House, monkeypatch: pytest.MonkeyPatch, change: Callable[[Browser], int]
) -> None:
    thief = signed_in(house)
    adds_phone(thief, SECOND)
    thief.get("/account/methods")
    thief.post({"method": "usb"}, "/account/methods/add")
    thief.post({"do": "confirm"})
    signs(thief, certificate(serial=91))
    thief.get("/account/methods/new")
    thief.post({}, "/account/methods/sms")
    thief.post({"phone": THIRD})
    before = ways_in(house)
    checked = AccountFlow.check_held

    def then_frozen(self: AccountFlow, *given: object, **named: object) -> Account:
        found = checked(self, *given, **named)  # type: ignore[arg-type]
        freeze(house, NUMBER)
        return found

    monkeypatch.setattr(AccountFlow, "check_held", then_frozen)

    status = change(thief)

    assert status == 409
    assert ways_in(house) == before
    assert account(house).closes_at is None
