"""Everything on file about a person: the file and the page say the same, and nobody else's."""

from __future__ import annotations

import json
from typing import Any

from tests.journeys.test_account import SECOND, adds_phone, signed_in
from tests.journeys.test_representatives import FORM, PERSONS_OWN, ready, signs_in
from tests.support.house import PERSON, Browser, House, add_portal

ABOUT = "Tài khoản này không phải của tôi, tôi chưa từng đăng ký."


def held(browser: Browser) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(browser.get("/account/data.json").text)
    return found


def complains(house: House, phone: str, username: str = PERSON["username"]) -> str:
    browser = house.browser()
    browser.get("/complaint")
    form = {"username": username, "full_name": PERSON["full_name"], "phone": phone, "text": ABOUT}
    browser.post({**form, "captcha": "12345"})
    browser.post({"code": house.last_code()})
    assert "KN-" in browser.text
    return browser.text


def test_a_complaint_is_in_the_data_of_whoever_made_it(house: House) -> None:
    browser = signed_in(house)
    complains(house, PERSON["phone"])

    [found] = held(browser)["complaints"]

    assert found["text"] == ABOUT
    assert found["status"] == "received"
    assert found["ticket"] in browser.get("/account/data").text


def test_a_complaint_about_an_account_is_not_told_to_whoever_has_it(house: House) -> None:
    browser = signed_in(house)
    complains(house, "0987654321")

    assert held(browser)["complaints"] == []
    assert ABOUT not in browser.get("/account/data").text


def test_a_complaint_about_another_number_is_not_of_whoever_has_the_phone_now(
    house: House,
) -> None:
    browser = signed_in(house)
    complains(house, PERSON["phone"], "079199000001")

    assert held(browser)["complaints"] == []


def test_an_enterprise_sees_whom_it_lets_act_and_they_see_for_whom(house: House) -> None:
    firm = ready(house)
    person = signs_in(house, PERSONS_OWN)

    [named] = held(firm)["representatives"]
    [acted] = held(person)["acts_for"]

    assert named["number"] == FORM["username"]
    assert acted["name"] in firm.get("/account").text
    assert named["name"] in firm.get("/account/data").text
    assert acted["name"] in person.get("/account/data").text


def test_a_consent_has_the_version_of_its_words_also_when_it_was_withdrawn(house: House) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    portal.signs_in_with(browser)
    browser.signs_in_again()
    [given] = held(browser)["portals"]
    assert given["text_version"] == "2026-11"
    browser.get("/account/portals")
    browser.post({"portal": portal.client_id}, "/account/portals/revoke")

    found = held(browser)

    assert found["portals"] == []
    [withdrawn] = found["withdrawn"]
    assert withdrawn["text_version"] == "2026-11"
    assert withdrawn["until"]
    assert "Đồng ý đã rút lại" in browser.get("/account/data").text


def test_what_was_on_file_before_is_there_as_well(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/edit")
    browser.post({"phone": SECOND})

    [former] = held(browser)["former_facts"]

    assert former["value"] == "0821 234 088"
    assert former["until"]
    assert "Thông tin trước đây" in browser.get("/account/data").text


def test_two_accounts_with_one_phone_share_nothing(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)
    complains(house, SECOND)
    other = "079180001234"
    house.carrier.add("0987654321", other, name="Trần Thị Lan", birth_date="03/04/1980")
    stranger = house.browser()
    stranger.registers(
        username=other, phone="0987654321", full_name="Trần Thị Lan", birth_date="03/04/1980"
    )
    stranger.get("/login")
    stranger.types_password(username=other)
    stranger.post({"code": house.last_code()})
    adds_phone(stranger, SECOND)

    assert held(stranger)["complaints"] == []
    assert len(held(browser)["complaints"]) == 1
