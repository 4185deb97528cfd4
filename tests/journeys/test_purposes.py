"""A code proves what it was sent for, and nothing else: every purpose against every other."""

from __future__ import annotations

import itertools

import pytest

from tests.journeys.test_account import SECOND, THIRD, signed_in
from tests.journeys.test_recovery import asks, loses_phone, owns
from tests.support.house import Browser, House

FRESH = {"username": "079199000001", "full_name": "Trần Thị Lan", "birth_date": "03/04/1999"}
OTHERS_PHONE = "0933333333"


def signs_in(house: House) -> Browser:
    browser = house.browser()
    browser.get("/login")
    browser.types_again()
    return browser


def adds_a_number(house: House) -> Browser:
    browser = house.browser()
    browser.signs_in_again()
    browser.get("/account/methods/new")
    browser.post({}, "/account/methods/sms")
    browser.post({"phone": THIRD})
    return browser


def adds_a_mailbox(house: House) -> Browser:
    browser = house.browser()
    browser.signs_in_again()
    browser.get("/account/edit")
    browser.post({"phone": "0821234088", "email": "moi@example.vn"})
    return browser


def loses(house: House) -> Browser:
    owns(house)
    return loses_phone(house, SECOND)


def opens_another_account(house: House) -> Browser:
    house.carrier.add(
        OTHERS_PHONE,
        FRESH["username"],
        name=FRESH["full_name"],
        birth_date=FRESH["birth_date"],
    )
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in(**FRESH, phone=OTHERS_PHONE, email="")
    return browser


def resets(house: House) -> Browser:
    return asks(house)


BEGUN = {
    "login": signs_in,
    "reset": resets,
    "phone": adds_a_number,
    "mailbox": adds_a_mailbox,
    "lost phone": loses,
    "register": opens_another_account,
}


@pytest.mark.parametrize(("sent_for", "used_for"), list(itertools.permutations(BEGUN, 2)))
def test_a_code_of_one_purpose_serves_no_other(house: House, sent_for: str, used_for: str) -> None:
    signed_in(house)
    house.settings_otp(per_hour=100, per_day=100)
    target = BEGUN[used_for](house)
    right = code_of(house, used_for)
    house.forget_messages()
    BEGUN[sent_for](house)
    code = code_of(house, sent_for)
    if code == right:
        pytest.skip("one in a million")

    page = target.post({"code": code})

    assert page.status_code == 422
    assert "Mã OTP không đúng" in page.text


def code_of(house: House, purpose: str) -> str:
    return house.last_letter_code() if purpose == "mailbox" else house.last_code()
