"""Registration by social-insurance code (R21-R24), without JavaScript."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from idp.domain.accounts import Attribute
from idp.domain.assurance import IAL
from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from tests.support.build import VAULT
from tests.support.house import PASSWORD, PERSON, Browser, House

CODE = "0110012345"
CCCD, CMND = IdNumber.parse("001072000136"), IdNumber.parse("012345678")
MISMATCH = "Thông tin không khớp với dữ liệu của cơ quan Bảo hiểm xã hội."
EXISTS = "Số CMT/CCCD này đã có tài khoản."


@pytest.fixture(autouse=True)
def insured(house: House) -> None:
    house.insurance.add(
        CODE, CCCD.value, CMND.value, name="Nguyễn Văn Hoà", birth_date="1972-02-01"
    )


def fill_in(browser: Browser, **changes: str) -> TestResponse:
    browser.opens_registration("bhxh")
    return browser.fills_in(**{"insurance_code": CODE, **changes})


def finish(browser: Browser) -> TestResponse:
    browser.post({"code": browser.house.last_code()})
    return browser.post({"password": PASSWORD, "password_again": PASSWORD})


def test_a_person_opens_an_account_that_bhxh_vouches_for(house: House) -> None:
    browser = house.browser()
    fill_in(browser)
    finish(browser)

    accounts = AccountStore(house.database, VAULT)
    found = accounts.find_by_id_number(CCCD)

    assert found
    assert found.ial is IAL.MEDIUM
    name = accounts.identity(found.id).find(Attribute.FULL_NAME)
    assert name
    assert name.source == "bhxh"
    assert "Đăng nhập" in browser.text


def test_sign_in_afterwards_is_by_password_and_code(house: House) -> None:
    browser = house.browser()
    fill_in(browser)
    finish(browser)

    page = browser.signs_in()

    assert page.status_code == 200
    assert "CSDL BHXH" in page.text


@pytest.mark.parametrize("typed", [CODE, "01 1001 2345", "GD480" + CODE, "DN401" + CODE])
def test_a_health_insurance_number_is_reduced_to_the_code(house: House, typed: str) -> None:
    page = fill_in(house.browser(), insurance_code=typed)

    assert "Xác thực mã OTP" in page.text


def test_the_personal_number_serves_as_code(house: House) -> None:
    house.insurance.add(CCCD.value, CCCD.value, name="Nguyễn Văn Hoà", birth_date="1972-02-01")

    page = fill_in(house.browser(), insurance_code=CCCD.value)

    assert "Xác thực mã OTP" in page.text


def test_a_personal_number_of_somebody_else_is_no_code(house: House) -> None:
    page = fill_in(house.browser(), insurance_code="079199000001")

    assert "khác với số CCCD" in page.text
    assert house.messages() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"full_name": "Nguyễn Văn Hoa"},
        {"birth_date": "02/02/1972"},
        {"insurance_code": "9999999999"},
        {"username": "001072000137"},
    ],
    ids=str,
)
def test_mismatch_cannot_be_registered_and_sends_nothing(
    house: House, changes: dict[str, str]
) -> None:
    page = fill_in(house.browser(), **changes)

    assert MISMATCH in page.text
    assert house.messages() == []


def test_a_record_with_only_the_year_is_compared_by_year(house: House) -> None:
    house.insurance.add(CODE, CCCD.value, name="Nguyễn Văn Hòa", birth_date="1972")

    assert "Xác thực mã OTP" in fill_in(house.browser()).text


def test_the_account_is_looked_for_by_the_number_that_bhxh_returned(house: House) -> None:
    """Typed is the old CMND; the account has the CCCD of the same record (R22)."""
    house.carrier.records.clear()
    house.carrier.add("0821234088", CCCD.value, name="Nguyễn Văn Hòa", birth_date="01/02/1972")
    house.browser().registers()

    page = fill_in(house.browser(), username=CMND.value)

    assert EXISTS in page.text
    for way in ("Quên mật khẩu", "quầy giao dịch", "khiếu nại"):
        assert way in page.text


def test_whether_an_account_exists_is_not_told_before_the_match(house: House) -> None:
    house.browser().registers()

    page = fill_in(house.browser(), full_name="Nguyễn Văn Hoa")

    assert MISMATCH in page.text
    assert EXISTS not in page.text


def test_bhxh_down_loses_nothing_that_was_typed(house: House) -> None:
    house.insurance.is_down = True

    page = fill_in(house.browser())

    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "tạm thời không phản hồi" in page.text
    assert CODE in page.text
    assert PERSON["full_name"] in page.text


@pytest.mark.parametrize("text", ["", " ", "12345", "x" * 5000, "<b>", "\0", "１２３", "GD" + CODE])
def test_hostile_codes_are_told_and_ask_nobody(house: House, text: str) -> None:
    house.insurance.is_down = True

    page = fill_in(house.browser(), insurance_code=text)

    assert page.status_code == 422
    assert "BHXH" in page.text or "bảo hiểm xã hội" in page.text
    assert "không phản hồi" not in page.text
