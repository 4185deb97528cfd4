"""Accounts issued at a post office (R40, S1): the clerk's call, the citizen's activation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from idp.config import System
from idp.domain.assurance import IAL
from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from idp.storage.models import AccountRow, EvidenceRow
from tests.support import house as houses
from tests.support.build import VAULT
from tests.support.house import PASSWORD, Browser, House

CARD: dict[str, Any] = {
    "id_number": "001072000136",
    "other_id_numbers": ["012345678"],
    "full_name": "Nguyễn Văn Hoà",
    "birth_date": "01/02/1972",
    "sex": "male",
    "phone": "0821234088",
    "clerk": {"id": "bd-17", "post_office": "Bưu cục Hàng Bài"},
    "consent": True,
}
KEY = {"Authorization": "Bearer post-key"}


@pytest.fixture
def house(database_url: str, tmp_path: Any) -> Any:
    systems = {"vnpost": System("http://localhost:1", "post-key")}
    built = houses.build(database_url, tmp_path, systems=systems)
    yield built
    built.database.close()


def issue(house: House, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
    card = {name: value for name, value in {**CARD, **changes}.items() if value is not ...}
    return house.app.test_client().post(
        "/counter/v1/accounts", json=card, headers=KEY if headers is None else headers
    )


def activate(browser: Browser, code: str, number: str = "001072000136") -> TestResponse:
    browser.house.clock.forward(seconds=1)
    browser.opens_registration("vnpost")
    return browser.post({"username": number, "activation_code": code, "captcha": "12345"})


def finish(browser: Browser) -> TestResponse:
    browser.post({"code": browser.house.last_code()})
    return browser.post({"password": PASSWORD, "password_again": PASSWORD})


def test_what_a_clerk_issued_a_citizen_activates_and_signs_in_with(house: House) -> None:
    code = issue(house).get_json()["activation_code"]
    browser = house.browser()
    assert "082****088" in activate(browser, f"{code[:5]}-{code[5:].lower()}").text
    finish(browser)

    found = AccountStore(house.database, VAULT).find_by_id_number(IdNumber.parse("012345678"))
    assert found
    assert found.ial is IAL.MEDIUM
    with house.database.transaction() as connection:
        vouched = connection.scalar(select(EvidenceRow.vouched_by))
    assert vouched == "bd-17 @ Bưu cục Hàng Bài"
    assert "Bưu điện Việt Nam" in browser.signs_in().text


def test_the_code_is_sent_to_the_phone_as_well(house: House) -> None:
    code = issue(house).get_json()["activation_code"]

    assert code in house.messages()[-1]["text"]


def test_an_activation_lives_seven_days(house: House) -> None:
    code = issue(house).get_json()["activation_code"]
    house.clock.forward(days=7, seconds=1)

    assert "Mã kích hoạt này đã hết hạn" in activate(house.browser(), code).text


@pytest.mark.parametrize("code", ["AAAAAAAAAA", "", "x", "x" * 5000, "<script>", "0" * 10, "\\0"])
def test_a_wrong_code_opens_nothing(house: House, code: str) -> None:
    issue(house)

    page = activate(house.browser(), code)

    assert page.status_code == 422
    assert len(house.messages()) == 1


def test_a_code_belongs_to_one_number(house: House) -> None:
    code = issue(house).get_json()["activation_code"]

    page = activate(house.browser(), code, "079199000001")

    assert "Mã kích hoạt không đúng" in page.text


def test_only_the_newest_code_of_a_number_counts(house: House) -> None:
    """A clerk who mistyped the phone issues again: the first message is worth nothing."""
    stranger = issue(house, phone="0821234099").get_json()["activation_code"]
    somebody_else = issue(house, id_number="001072000144", other_id_numbers=[], phone="0821234077")
    right = issue(house).get_json()["activation_code"]

    refused = activate(house.browser(), stranger).text
    assert "mã kích hoạt mới hơn" in refused
    assert "082****099" not in refused
    assert "082****088" in activate(house.browser(), right).text
    untouched = somebody_else.get_json()["activation_code"]
    assert "082****077" in activate(house.browser(), untouched, "001072000144").text


def is_open(house: House) -> bool:
    return AccountStore(house.database, VAULT).has_any((IdNumber.parse("001072000136"),))


def test_who_waits_for_the_code_is_told_that_a_newer_slip_counts(house: House) -> None:
    browser = house.browser()
    activate(browser, issue(house).get_json()["activation_code"])
    code = house.last_code()
    newest = issue(house).get_json()["activation_code"]

    page = browser.post({"code": code})

    assert "mã kích hoạt mới hơn" in page.text
    assert not is_open(house)
    browser.post({"username": "001072000136", "activation_code": newest, "captcha": "12345"})
    assert "Đăng ký thành công" in finish(browser).text


def test_who_chooses_a_password_is_told_that_a_newer_slip_counts(house: House) -> None:
    browser = house.browser()
    activate(browser, issue(house).get_json()["activation_code"])
    browser.post({"code": house.last_code()})
    newest = issue(house).get_json()["activation_code"]

    page = browser.post({"password": PASSWORD, "password_again": PASSWORD})

    assert "thay bằng một mã mới hơn" in page.text
    assert not is_open(house)
    house.clock.forward(minutes=2)
    browser.post({"username": "001072000136", "activation_code": newest, "captcha": "12345"})
    assert "Đăng ký thành công" in finish(browser).text


def test_of_an_activation_and_a_newer_slip_at_once_one_counts(house: House) -> None:
    browser = house.browser()
    activate(browser, issue(house, phone="0821234099").get_json()["activation_code"])
    browser.post({"code": house.last_code()})

    with ThreadPoolExecutor(2) as pool:
        pool.submit(issue, house)
        opened = pool.submit(browser.post, {"password": PASSWORD, "password_again": PASSWORD})
    page = opened.result().text

    told = "thay bằng một mã mới hơn" in page
    assert is_open(house) is ("Đăng ký thành công" in page)
    assert is_open(house) is not told


def test_a_used_code_leads_to_the_account_that_it_opened(house: House) -> None:
    code = issue(house).get_json()["activation_code"]
    browser = house.browser()
    activate(browser, code)
    finish(browser)

    page = activate(house.browser(), code)

    assert "Số CMT/CCCD này đã có tài khoản" in page.text
    for way in ("Quên mật khẩu", "quầy giao dịch", "khiếu nại"):
        assert way in page.text


def test_the_post_offices_need_not_answer_for_an_activation(house: House) -> None:
    """They call us: what was issued is here, and their outage keeps nobody from activating."""
    code = issue(house).get_json()["activation_code"]

    assert house.base.config.systems["vnpost"].url == "http://localhost:1"  # nobody is there
    assert "Mã xác thực đã được gửi" in activate(house.browser(), code).text


def test_codes_can_be_guessed_five_times_a_day(house: House) -> None:
    code = issue(house).get_json()["activation_code"]
    for _ in range(5):
        activate(house.browser(), "ABCDEFGHJK")

    assert "Mã xác thực đã được gửi" not in activate(house.browser(), code).text


def test_one_activation_opens_one_account_however_many_activate_at_once(house: House) -> None:
    code = issue(house).get_json()["activation_code"]
    browsers = [house.browser() for _ in range(4)]
    for browser in browsers:
        activate(browser, code)
        browser.post({"code": house.last_code()})

    with ThreadPoolExecutor(4) as pool:
        form = {"password": PASSWORD, "password_again": PASSWORD}
        list(pool.map(lambda browser: browser.post(form), browsers))

    with house.database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(AccountRow)) == 1


def test_a_person_with_an_account_gets_no_second_one(house: House) -> None:
    house.browser().registers()

    answer = issue(house)

    assert (answer.status_code, answer.get_json()["error"]) == (409, "account.exists")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "é"}])
def test_only_the_counter_system_may_issue(house: House, headers: dict[str, str]) -> None:
    assert issue(house, headers).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"id_number": "12"}, {"full_name": ""}, {"birth_date": "32/01/1972"}, {"phone": "1"},
        {"consent": False}, {"consent": ...}, {"clerk": {"id": " ", "post_office": "x"}},
        {"clerk": "bd"}, {"birth_date": "01/02/1973"}, {"sex": "x"}, {"email": "x"},
        {"id_number": 5}, {"full_name": "x" * 5000},
    ],
    ids=str,
)  # fmt: skip
def test_hostile_requests_are_refused(house: House, changes: dict[str, Any]) -> None:
    answer = issue(house, **changes)

    assert answer.status_code == 400
    assert house.messages() == []
