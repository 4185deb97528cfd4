"""Authenticator apps: added with a fresh proof; a code serves once; guesses are counted."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from werkzeug.test import TestResponse

from tests.journeys.test_account import adds_phone, phone_id, signed_in, signed_in_by_usb
from tests.journeys.test_activity import dump
from tests.journeys.test_passkey import is_in, removes
from tests.support.house import PASSWORD, PERSON, Browser, House, add_portal, answer_of

TAB = "?method=totp"
WRONG = "Tên đăng nhập, mật khẩu hoặc mã không đúng, hoặc mã đã dùng rồi"


class App:
    """What the person's phone shows."""

    def __init__(self, house: House, secret: str) -> None:
        self.house, self.totp = house, pyotp.TOTP(secret)

    @property
    def code(self) -> str:
        return self.totp.at(self.house.clock())

    @property
    def wrong(self) -> str:
        """A code that the app shows at no time near."""
        now = int(self.house.clock().timestamp())
        near = {self.totp.at(now + 30 * step) for step in range(-3, 4)}
        return next(f"{n:06}" for n in range(100) if f"{n:06}" not in near)


def begins(browser: Browser) -> App:
    browser.get("/account/methods/new")
    browser.post({"method": "totp"}, "/account/methods/add")
    found = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", browser.text)
    assert found, browser.text
    return App(browser.house, found[0].replace(" ", ""))


def added(house: House) -> tuple[Browser, App]:
    browser = signed_in(house)
    app = begins(browser)
    page = browser.post({"code": app.code})
    assert page.request.path == "/account/methods", page.text
    # The code that enrolled it has served.
    house.clock.forward(seconds=30)
    return browser, app


def enters(browser: Browser, code: str, path: str = "/login", **changes: str) -> TestResponse:
    browser.visit(path)
    browser.visit(browser.path + TAB)
    return types(browser, code, **changes)


def types(browser: Browser, code: str, **changes: str) -> TestResponse:
    form = {"username": PERSON["username"], "password": PASSWORD, "code": code, **changes}
    page = browser.send({**form, "captcha": "12345"})
    if 'name="captcha"' in page.text and WRONG not in page.text:
        # After a failure a picture is asked for before anything is compared.
        page = browser.send({**form, "captcha": "12345"})
    return page


def test_an_app_is_added_and_signs_in_without_a_message(house: House) -> None:
    browser, app = added(house)
    assert "Ứng dụng xác thực" in browser.text
    house.forget_messages()
    other = house.browser()

    page = enters(other, app.code)

    assert page.request.path == "/account"
    assert house.messages() == []


def test_its_addition_is_told_to_the_owner(house: House) -> None:
    added(house)

    told = [m["text"] for m in house.messages() if m["to"] == "+84821234088"]
    assert any("ng dụng xác thực" in text and "/not-me/" in text for text in told), told


def test_it_is_added_with_a_fresh_proof_only(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods/new")
    house.clock.forward(minutes=6)

    page = browser.post({"method": "totp"}, "/account/methods/add")

    assert page.request.path.startswith("/login/")
    assert "otpauth" not in page.text


@pytest.mark.parametrize("code", ["", "x", "12345", "000000", "<script>", "1" * 4000])
def test_a_wrong_first_code_adds_nothing(house: House, code: str) -> None:
    browser = signed_in(house)
    begins(browser)

    page = browser.post({"code": code})

    assert page.status_code == 422
    assert 'name="credential"' not in browser.get("/account/methods").text


def test_a_page_that_is_loaded_again_shows_the_same_secret(house: House) -> None:
    browser = signed_in(house)
    app = begins(browser)

    assert app.totp.secret in browser.get(browser.path).text.replace(" ", "")


def test_an_account_without_a_password_is_offered_no_app(house: House) -> None:
    browser = signed_in_by_usb(house, serial=73)

    page = browser.get("/account/methods/new")

    assert "ỨNG DỤNG XÁC THỰC" not in page.text
    assert browser.post({"method": "totp"}, "/account/methods/add").request.path == (
        "/account/methods"
    )


def test_a_portal_hears_of_level_two_and_of_password_and_code(house: House) -> None:
    _, app = added(house)
    portal, other = add_portal(house), house.browser()

    enters(other, app.code, portal.request())
    page = other.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(page)["code"]).get_json()["id_token"])
    assert claims["acr"] == "ial2"
    assert claims["amr"] == ["pwd", "otp", "mfa"]


def test_rfc6238_5_2_a_code_is_used_once(house: House) -> None:
    _, app = added(house)
    enters(house.browser(), app.code)
    other = house.browser()

    page = enters(other, app.code)

    assert WRONG in page.text
    assert not is_in(other)


def test_rfc6238_5_2_the_code_that_enrolled_the_app_signs_nobody_in(house: House) -> None:
    browser = signed_in(house)
    app = begins(browser)
    code = app.code
    browser.post({"code": code})
    other = house.browser()

    enters(other, code)

    assert not is_in(other)


def test_of_twenty_parallel_posts_of_a_code_one_counts(house: House) -> None:
    _, app = added(house)
    browsers = [house.browser() for _ in range(20)]
    for other in browsers:
        other.visit("/login")
        other.visit(other.path + TAB)
    form = {"username": PERSON["username"], "password": PASSWORD, "code": app.code}
    # Each is a browser that the account knows, so that no other limit decides.
    house.settings_limits(wrong_passwords=1000, wrong_passwords_in_a_row=1000)

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda other: other.client.post(other.path, data={"csrf": other._csrf(), **form}),
                browsers,
            )
        )

    opened = [a for a in answers if a.headers.get("Location") == "/account"]
    assert len(opened) == 1
    assert {answer.status_code for answer in answers} <= {303, 422}


def test_a_wrong_code_tells_no_more_than_a_wrong_password(house: House) -> None:
    _, app = added(house)
    wrong_code = enters(house.browser(), app.wrong)
    wrong_password = enters(house.browser(), app.code, password="Sai-mat-khau-1")
    nobody = enters(house.browser(), app.code, username="001072000999")

    def shown(page: TestResponse) -> str:
        found = re.sub(r"[0-9a-f]{32}|value=\"[^\"]*\"|/captcha/[^\"]*", "", page.text)
        return found.replace("001072000999", "").replace(PERSON["username"], "")

    assert WRONG in wrong_code.text
    assert shown(wrong_code) == shown(wrong_password) == shown(nobody)
    assert {page.status_code for page in (wrong_code, wrong_password, nobody)} == {422}


def test_a_wrong_password_leaves_the_code_unused(house: House) -> None:
    _, app = added(house)
    code, other = app.code, house.browser()
    enters(other, code, password="Sai-mat-khau-1")

    page = types(other, code)

    assert page.request.path == "/account"


def guess(house: House, app: App, times: int) -> TestResponse:
    """Wrong codes with the right password, each from another network."""
    page = None
    for turn in range(times):
        other = house.browser()
        other.client.environ_base["REMOTE_ADDR"] = f"203.0.113.{turn}"
        page = enters(other, app.wrong)
    assert page
    return page


def test_twenty_wrong_codes_a_day_are_the_most_and_then_no_code_is_right(house: House) -> None:
    _, app = added(house)
    guess(house, app, 20)
    other = house.browser()

    page = enters(other, app.code)

    assert page.status_code == 422
    assert not is_in(other)
    house.clock.forward(hours=25)
    assert enters(house.browser(), app.code).request.path == "/account"


def test_wrong_codes_of_the_app_and_by_sms_are_counted_together(house: House) -> None:
    _, app = added(house)
    guess(house, app, 20)
    other = house.browser()
    other.get("/login")
    other.types_again()

    other.post({"code": house.last_code()})

    assert not is_in(other)


def test_of_many_parallel_guesses_none_is_used_past_twenty(house: House) -> None:
    _, app = added(house)
    guess(house, app, 19)
    house.settings_limits(wrong_passwords=1000, wrong_passwords_in_a_row=1000)
    browsers = [house.browser() for _ in range(6)]
    for other in browsers:
        other.visit("/login")
        other.visit(other.path + TAB)
    form = {"username": PERSON["username"], "password": PASSWORD, "code": app.wrong}

    with ThreadPoolExecutor(6) as pool:
        list(
            pool.map(
                lambda other: other.client.post(other.path, data={"csrf": other._csrf(), **form}),
                browsers,
            )
        )
    last = house.browser()
    enters(last, app.code)

    assert not is_in(last)


def test_wrong_codes_count_as_wrong_passwords_of_their_network(house: House) -> None:
    _, app = added(house)
    other = house.browser()
    enters(other, app.wrong)
    for _ in range(12):
        house.clock.forward(seconds=65)
        page = types(other, app.wrong)

    assert "Vui lòng thử lại sau" in page.text
    types(other, app.code)
    assert not is_in(other)


def test_after_a_failure_a_captcha_is_asked_for(house: House) -> None:
    _, app = added(house)
    other = house.browser()

    page = enters(other, app.wrong)

    assert 'name="captcha"' in page.text


def test_a_removed_app_opens_nothing(house: House) -> None:
    browser, app = added(house)
    browser.get("/account/methods")
    removes(browser)
    other = house.browser()

    enters(other, app.code)

    assert not is_in(other)


def test_a_code_of_another_person_opens_nothing(house: House) -> None:
    _, app = added(house)
    del app
    other = house.browser()

    enters(other, pyotp.TOTP(pyotp.random_base32()).at(house.clock()))

    assert not is_in(other)


def test_a_frozen_account_lets_nobody_in_by_app(house: House) -> None:
    browser, app = added(house)
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})
    other = house.browser()

    page = enters(other, app.code)

    assert "Tài khoản đang bị khóa" in page.text
    assert not is_in(other)


def test_with_sms_sign_in_off_the_app_opens_the_account_and_stays(house: House) -> None:
    browser, app = added(house)
    browser.get("/account/protection")
    browser.post({"name": "allows_sms", "to": "off"}, "/account/protection/switch")

    assert enters(house.browser(), app.code).request.path == "/account"
    browser.get("/account/methods")
    page = removes(browser)
    assert page.status_code == 422
    assert "cách đăng nhập cuối cùng" in page.text


def test_with_an_app_the_last_number_may_go(house: House) -> None:
    browser, app = added(house)
    adds_phone(browser, "0912345678")
    browser.post({"remove": phone_id(browser, "0912345678")}, "/account/methods/phone")

    page = browser.post({"remove": phone_id(browser, "0821234088")}, "/account/methods/phone")

    assert page.status_code == 200
    house.clock.forward(seconds=30)
    assert enters(house.browser(), app.code).request.path == "/account"


def test_of_phone_and_app_removed_at_once_one_stays(house: House) -> None:
    browser, _ = added(house)
    phone = phone_id(browser, "0821234088")
    found = re.search(r'name="credential" value="([0-9a-f]{32})"', browser.text)
    assert found
    posts = [
        ("/account/methods/phone", {"csrf": browser._csrf(), "remove": phone}),
        ("/account/methods/remove", {"csrf": browser._csrf(), "credential": found[1]}),
    ]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda post: browser.client.post(post[0], data=post[1]), posts))

    assert sorted(answer.status_code for answer in answers) == [303, 422]


def test_the_secret_stands_nowhere_in_clear(house: House) -> None:
    _, app = added(house)

    assert app.totp.secret not in dump(house)
