"""The level of an account rises and falls with its proofs (S6, S8); the methods page (R64-R66)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from idp.domain.assurance import IAL
from idp.domain.subjects import IdNumber
from idp.ports import Revoked, SignatureFailed, SignatureFailure
from idp.storage.accounts import AccountStore
from idp.storage.levels import LevelStore
from idp.storage.ways_in import NOT_KNOWN
from tests.journeys.test_sim import FORM as SIM
from tests.journeys.test_sim import answers, looks
from tests.journeys.test_sim import certificate as sim_certificate
from tests.journeys.test_usb import TAB, certificate, opens_login, registers, signs
from tests.support.build import NOW, VAULT
from tests.support.house import Browser, House
from tests.support.pki import pki

CCCD = IdNumber.parse("001072000136")


def level(house: House) -> IAL:
    found = AccountStore(house.database, VAULT).find_by_id_number(CCCD)
    assert found
    return found.ial


def signed_in(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.signs_in()
    return browser


def adds_usb(browser: Browser, **changes: object) -> TestResponse:
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})
    return signs(browser, certificate(**changes))


def removes(browser: Browser) -> TestResponse:
    page = browser.get("/account/methods")
    found = re.search(r'name="credential" value="([0-9a-f]{32})"', page.text)
    assert found, page.text
    form = {"credential": found[1]}
    return browser.post(form, "/account/methods/remove")


def test_who_removes_the_only_way_to_level_3_is_told_that_the_account_fell(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=31)

    page = removes(browser)

    assert level(house) is IAL.MEDIUM
    assert "Tài khoản của bạn nay ở mức 2" in page.text


def test_one_of_two_ways_to_level_3_leaves_the_level(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=31)
    adds_usb(browser, serial=32)
    found = re.search(
        r'value="([0-9a-f]{32})"', browser.get("/account/methods").text.split("USB")[1]
    )
    assert found

    page = browser.post({"credential": found[1]}, "/account/methods/remove")

    assert page.request.path == "/account/methods"
    assert level(house) is IAL.HIGH


def test_adding_a_certificate_of_ones_own_raises_the_account_to_three(house: House) -> None:
    browser = signed_in(house)
    assert level(house) is IAL.MEDIUM

    adds_usb(browser, serial=31)

    assert level(house) is IAL.HIGH
    assert "Đã lưu thay đổi" in browser.text
    page = browser.get("/account/methods")
    assert "NEWTEL-CA v2" in page.text
    assert "Xác thực bằng tin nhắn SMS 0821234088" in page.text


@pytest.mark.parametrize(("method", "title"), [("usb", "USB ký số"), ("sim", "Sim ký số")])
def test_a_method_is_added_in_the_words_of_its_registration(
    house: House, method: str, title: str
) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")

    page = browser.post({"method": method}, "/account/methods/add")

    assert f"<h1>{title}</h1>" in page.text
    assert "ĐĂNG KÝ" in page.text
    for wrong in ("ĐĂNG NHẬP", "Chưa có tài khoản?", "?method=password_otp"):
        assert wrong not in page.text


@pytest.mark.parametrize(
    ("subject", "user_id"), [("enterprise", "MST:0100109106"), ("agency", "MDV:000.00.17.G22")]
)
def test_an_organisation_is_offered_no_way_that_is_for_citizens(
    house: House, subject: str, user_id: str
) -> None:
    leaf = certificate(user_id, ca=pki().government if subject == "agency" else None, serial=41)
    registers(house.browser(), leaf, subject, email="a@example.vn", captcha="12345")
    browser = house.browser()
    opens_login(browser)
    signs(browser, leaf)

    page = browser.get("/account/methods/new")

    assert "XÁC THỰC BẰNG USB KÝ SỐ" in page.text
    assert "SIM KÝ SỐ" not in page.text
    page = browser.post({"method": "sim"}, "/account/methods/add")
    assert page.request.path == "/account/methods"


def adds_sim(browser: Browser, user_id: str = "CCCD:001072000136") -> TestResponse:
    browser.get("/account/methods")
    browser.post({"method": "sim"}, "/account/methods/add")
    browser.post(SIM)
    answers(browser.house, sim_certificate(user_id, serial=51))
    return looks(browser)


def test_a_sim_of_ones_own_is_added_to_the_account(house: House) -> None:
    browser = signed_in(house)

    page = adds_sim(browser)

    assert "Đã lưu thay đổi" in page.text
    assert "NGUYỄN VĂN HOÀ" in page.text
    assert level(house) is IAL.HIGH


@pytest.mark.parametrize(
    ("user_id", "text"),
    [
        ("CCCD:001199000001", "cấp cho người khác"),
        ("MST:0100109106", "không dành cho đối tượng"),
    ],
)
def test_a_sim_of_somebody_else_is_not_added(house: House, user_id: str, text: str) -> None:
    page = adds_sim(signed_in(house), user_id)

    assert text in page.text
    assert level(house) is IAL.MEDIUM


def test_a_sim_that_an_account_has_is_not_added_again(house: House) -> None:
    browser = signed_in(house)
    adds_sim(browser)
    house.clock.forward(minutes=3)

    assert "đã gắn với một tài khoản" in adds_sim(browser).text


@pytest.mark.parametrize("reason", list(SignatureFailure))
def test_a_sim_that_fails_is_told_where_it_is_added(house: House, reason: SignatureFailure) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "sim"}, "/account/methods/add")
    browser.post(SIM)
    house.signer.state = SignatureFailed(reason)

    page = looks(browser)

    assert 'class="summary"' in page.text
    assert 'name="phone"' in page.text
    assert "ĐĂNG KÝ" in page.text
    assert level(house) is IAL.MEDIUM


def test_a_platform_that_is_down_keeps_the_form_where_a_sim_is_added(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "sim"}, "/account/methods/add")
    house.signer.is_down = True

    page = browser.post(SIM)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert SIM["phone"] in page.text


def test_who_adds_no_method_after_all_is_back_at_the_methods(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")

    page = browser.post({"do": "cancel"})

    assert page.request.path == "/account/methods"


def test_removing_the_last_certificate_brings_it_back_to_two(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=32)

    removes(browser)

    assert level(house) is IAL.MEDIUM
    other = house.browser()
    other.get("/login")
    other.get(other.path + TAB)
    other.post({"do": "confirm"})
    signs(other, certificate(serial=32))
    assert "chưa được đăng ký" in other.text


def test_of_two_certificates_one_keeps_the_level(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=33)
    adds_usb(browser, serial=34)

    removes(browser)

    assert level(house) is IAL.HIGH


def test_a_certificate_that_expires_takes_its_level_along(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=35, ends=NOW + timedelta(days=10))
    levels = LevelStore(house.database, VAULT, NOT_KNOWN)
    assert levels.lapse(now=NOW + timedelta(days=9)) == 0

    assert levels.lapse(now=NOW + timedelta(days=11)) == 1

    assert level(house) is IAL.MEDIUM


def test_a_certificate_that_is_revoked_takes_its_level_along(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=42)
    assert level(house) is IAL.HIGH
    house.status.states[42] = Revoked(NOW)
    other = house.browser()
    other.get("/login")
    other.get(other.path + TAB)
    other.post({"do": "confirm"})

    signs(other, certificate(serial=42))

    assert "đã bị thu hồi ngày" in other.text
    assert "USB ký số đã bị thu hồi ngày" in house.messages()[-1]["text"]
    assert level(house) is IAL.MEDIUM
    assert "NEWTEL-CA v2" not in browser.get("/account/methods").text


def test_a_certificate_of_somebody_else_is_refused(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})

    signs(browser, certificate("CCCD:001199000001"))

    assert "cấp cho người khác" in browser.text
    assert level(house) is IAL.MEDIUM


def test_a_certificate_that_is_bound_already_is_refused(house: House) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=36)

    page = adds_usb(browser, serial=36)

    assert "đã gắn với một tài khoản" in page.text


def test_the_last_way_in_cannot_be_removed(house: House) -> None:
    registers(house.browser(), certificate(serial=37))
    browser = house.browser()
    browser.get("/login")
    browser.get(browser.path + TAB)
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=37))

    page = removes(browser)

    assert "cách đăng nhập cuối cùng" in page.text
    assert level(house) is IAL.HIGH


def test_an_expired_certificate_is_no_way_in_that_is_left(house: House) -> None:
    registers(house.browser(), certificate(serial=38))
    browser = house.browser()
    browser.get("/login")
    browser.get(browser.path + TAB)
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=38))
    adds_usb(browser, serial=39, ends=NOW + timedelta(minutes=2))
    house.clock.forward(minutes=3)

    page = removes(browser)

    assert page.status_code == 422
    assert "cách đăng nhập cuối cùng" in page.text


def test_of_two_removals_at_once_the_last_way_in_stays(house: House) -> None:
    registers(house.browser(), certificate(serial=38))
    browser = house.browser()
    browser.get("/login")
    browser.get(browser.path + TAB)
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=38))
    adds_usb(browser, serial=39)
    page = browser.get("/account/methods")
    ids = re.findall(r'name="credential" value="([0-9a-f]{32})"', page.text)
    assert len(ids) == 2
    csrf, path = browser._csrf(), "/account/methods/remove"

    with ThreadPoolExecutor(2) as pool:
        forms = [{"csrf": csrf, "credential": each} for each in ids]
        done = list(pool.map(lambda form: browser.client.post(path, data=form), forms))

    assert sorted(answer.status_code for answer in done) == [303, 422]


@pytest.mark.parametrize("what", ["add", "remove"])
def test_a_change_needs_a_proof_of_the_last_five_minutes(house: House, what: str) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=40)
    house.clock.forward(minutes=6)

    if what == "add":
        browser.get("/account/methods")
        browser.post({"method": "usb"}, "/account/methods/add")
    else:
        removes(browser)

    assert 'name="password"' in browser.text
    assert level(house) is IAL.HIGH
    browser.types_password()
    page = browser.post({"code": house.last_code()})
    assert page.request.path == "/account/methods"


@pytest.mark.parametrize("path", ["/account/methods", "/account/methods/add"])
def test_strangers_see_nothing(house: House, path: str) -> None:
    browser = house.browser()
    browser.get("/login")

    page = browser.get(path) if path.endswith("methods") else browser.post({"method": "usb"}, path)

    assert "/login/" in page.request.path


@pytest.mark.parametrize("credential", ["", "x", "0" * 32, "x" * 5000, "\\0"])
def test_hostile_removals_change_nothing(house: House, credential: str) -> None:
    browser = signed_in(house)
    adds_usb(browser, serial=41)
    browser.get("/account/methods")

    page = browser.post({"credential": credential}, "/account/methods/remove")

    assert 400 <= page.status_code < 500
    assert level(house) is IAL.HIGH


@pytest.mark.parametrize("method", ["", "password_otp", "mobile", "nothing", "<b>"])
def test_hostile_additions_lead_back(house: House, method: str) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")

    page = browser.post({"method": method}, "/account/methods/add")

    assert page.request.path == "/account/methods"
