"""Verified facts change by asking the carrier again; a new card keeps account and every sub."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from tests.journeys.test_account import signed_in, signed_in_by_usb
from tests.support.build import VAULT
from tests.support.house import PASSWORD, Browser, House, PortalClient, add_portal, answer_of

CMND, CCCD = "123456789", "079199000001"
PERSON = {
    "username": CMND,
    "full_name": "Trần Thị Bưởi",
    "birth_date": "05/05/1999",
    "phone": "0912345678",
    "email": "",
}


def at_carrier(house: House, *numbers: str, name: str = PERSON["full_name"]) -> None:
    house.carrier.add(PERSON["phone"], *numbers, name=name, birth_date=PERSON["birth_date"])


def with_old_card(house: House) -> Browser:
    at_carrier(house, CMND)
    browser = house.browser()
    browser.registers(**PERSON)
    signs_in(browser, CMND)
    return browser


def signs_in(browser: Browser, number: str) -> None:
    browser.get("/login")
    browser.post({"username": number, "password": PASSWORD})
    browser.post({"code": browser.house.last_code()})


def verifies(browser: Browser, number: str = CCCD, name: str = PERSON["full_name"]) -> TestResponse:
    browser.get("/account/reverify")
    return browser.post({"username": number, "full_name": name})


def sub_at(browser: Browser, portal: PortalClient) -> object:
    browser.visit(portal.request())
    if browser.path.startswith("/consent"):
        browser.send({"do": "confirm"})
    assert browser.page
    tokens = portal.redeems(answer_of(browser.page)["code"]).get_json()
    return portal.claims(tokens["id_token"])["sub"]


@pytest.mark.parametrize("numbers", [(CMND, CCCD), (CCCD,)], ids=["both", "only the new one"])
def test_a_new_card_keeps_the_account_and_every_portals_sub(
    house: House, numbers: tuple[str, ...]
) -> None:
    browser = with_old_card(house)
    portals = [add_portal(house, name) for name in ("hanoi", "yte")]
    before = [sub_at(browser, portal) for portal in portals]
    at_carrier(house, *numbers)

    page = verifies(browser)

    assert page.request.path == "/account", page.text
    assert CMND in page.text
    assert CCCD in page.text
    other = house.browser()
    signs_in(other, CCCD)
    assert [sub_at(other, portal) for portal in portals] == before
    signs_in(house.browser(), CMND)


def test_a_corrected_name_is_verified_and_shown(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, CMND, name="Trần Thị Bưởi Hồng")

    page = verifies(browser, CMND, "Trần Thị Bưởi Hồng")

    assert "Trần Thị Bưởi Hồng" in page.text
    assert "Trần Thị Bưởi</span>" not in page.text


def test_the_owner_is_told_and_the_history_says_it(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, CMND, CCCD)
    house.forget_messages()

    verifies(browser)

    [message] = [m for m in house.messages() if m["to"] == "+84912345678"]
    assert "đã được xác minh lại" in message["text"]
    assert CCCD not in message["text"]
    assert "Xác minh lại" in browser.get("/account/history").text


def test_a_number_that_the_carrier_does_not_know_is_refused(house: House) -> None:
    browser = with_old_card(house)

    page = verifies(browser)

    assert page.status_code == 422
    assert "Thông tin không khớp với thông tin thuê bao" in page.text
    assert CCCD not in browser.get("/account").text


def test_a_phone_that_changed_hands_gives_nobody_elses_number(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, "079199000002", name="Lê Văn Cam")

    page = verifies(browser, "079199000002", "Lê Văn Cam")

    assert page.status_code == 422
    assert "079199000002" not in browser.get("/account").text


def test_another_name_and_another_number_at_once_are_nobody_we_know(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, CCCD, name="Trần Thị Mận")

    assert verifies(browser, CCCD, "Trần Thị Mận").status_code == 422


def test_a_number_of_another_account_stays_there(house: House) -> None:
    house.carrier.add("0987654321", CCCD, name=PERSON["full_name"], birth_date="05/05/1999")
    first = house.browser()
    first.registers(**{**PERSON, "username": CCCD, "phone": "0987654321"})
    browser = with_old_card(house)
    at_carrier(house, CMND, CCCD)

    page = verifies(browser)

    assert page.status_code == 422
    assert "khiếu nại" in page.text
    accounts = AccountStore(house.database, VAULT)
    old, new = (accounts.find_by_id_number(IdNumber.parse(n)) for n in (CMND, CCCD))
    assert old
    assert new
    assert old.id != new.id


def test_a_second_number_of_the_same_kind_needs_a_counter(house: House) -> None:
    browser = with_old_card(house)
    at_carrier(house, "987654321", CMND)

    page = verifies(browser, "987654321")

    assert page.status_code == 422
    assert "quầy giao dịch" in page.text


def test_a_carrier_that_is_down_loses_nothing(house: House) -> None:
    browser = with_old_card(house)
    house.carrier.is_down = True

    page = verifies(browser)

    assert page.status_code == 422
    assert f'value="{CCCD}"' in page.text


def test_questions_about_one_number_are_counted(house: House) -> None:
    browser = with_old_card(house)
    for _ in range(5):
        verifies(browser)
    at_carrier(house, CMND, CCCD)

    page = verifies(browser)

    assert page.status_code == 422
    assert CCCD not in browser.get("/account").text


def test_it_needs_a_proof_of_the_last_five_minutes(house: House) -> None:
    browser = with_old_card(house)
    browser.get("/account/reverify")
    house.clock.forward(minutes=6)

    page = browser.post({"username": CCCD, "full_name": PERSON["full_name"]})

    assert page.request.path.startswith("/login/")


@pytest.mark.parametrize("number", ["", "1", "x" * 500, "<script>", "\0", "079099000001"])
def test_hostile_numbers_are_faults(house: House, number: str) -> None:
    assert verifies(with_old_card(house), number).status_code == 422


def test_an_account_without_a_number_is_told_what_is_missing(house: House) -> None:
    browser = signed_in_by_usb(house, serial=81)

    page = verifies(browser, "001072000136", "Nguyễn Văn Hoà")

    assert page.status_code == 422
    assert "Cần có một số điện thoại nhận OTP" in page.text


def test_a_typed_birth_date_or_level_is_not_read(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/reverify")

    page = browser.post(
        {
            "username": "001072000136",
            "full_name": "Nguyễn Văn Hoà",
            "birth_date": "01/01/1999",
            "ial": "3",
        }
    )

    assert page.request.path == "/account"
    assert "01/02/1972" in page.text
    assert "mức 2" in page.text
