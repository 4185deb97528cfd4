"""Letting a device in on ``/device`` (RFC 8628, 3.3, 5.1, 5.4), without JavaScript."""

from __future__ import annotations

import pytest

from tests.support.decoupled import add_kiosk, at_once, confirms, enters
from tests.support.house import PASSWORD, PERSON, Browser, House


def someone(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.signs_in_again()
    return browser


def test_a_person_who_is_not_signed_in_signs_in_for_the_device(house: House) -> None:
    house.browser().registers()
    kiosk, browser = add_kiosk(house), house.browser()
    kiosk.begins()

    page = enters(browser, kiosk.user_code)
    assert "Đăng nhập vào" in page.text
    assert "Cổng kiosk" in page.text
    browser.post({"username": PERSON["username"], "password": PASSWORD})
    page = browser.post({"code": house.last_code()})
    assert "Mã này có đang hiện trên thiết bị trước mặt bạn?" in page.text

    assert "Đã xác nhận thiết bị" in browser.post({"do": "confirm"}).text
    assert kiosk.polls().status_code == 200


def test_rfc8628_5_4_the_page_names_the_client_the_code_the_time_and_the_data(
    house: House,
) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()

    page = enters(browser, kiosk.user_code)

    for text in (kiosk.user_code, "Cổng kiosk", "16:00 24/11/2026", "127.0.0.1", "Họ tên"):
        assert text in page.text


def test_rfc8628_3_3_1_a_complete_address_fills_the_code_in_and_confirms_nothing(
    house: House,
) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    found = kiosk.begins().get_json()

    page = browser.get(found["verification_uri_complete"].removeprefix("http://localhost:8000"))

    assert f'value="{kiosk.user_code}"' in page.text
    assert kiosk.polls().get_json()["error"] == "authorization_pending"


@pytest.mark.parametrize("hyphen", ["-", " ", "", " – "])
def test_rfc8628_6_1_small_letters_and_spaces_do_not_matter(house: House, hyphen: str) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()

    confirms(browser, kiosk.user_code.lower().replace("-", hyphen))

    assert kiosk.polls().status_code == 200


@pytest.mark.parametrize("typed", ["", "BCDF-GHJK", "<b>", "\0", "x" * 5000, "' OR 1=1 --"])
def test_a_wrong_code_is_told_what_to_do(house: House, typed: str) -> None:
    browser = house.browser()

    page = enters(browser, typed)

    assert page.status_code == 422
    assert "thiết bị" in page.text


def test_rfc8628_5_1_a_browser_tries_ten_codes_in_a_quarter_of_an_hour(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    for _ in range(10):
        enters(browser, "BCDF-GHJK")

    page = enters(browser, kiosk.user_code)
    assert page.status_code == 422
    house.clock.forward(minutes=16)
    kiosk.begins()
    assert "Mã này có đang hiện" not in page.text
    assert enters(browser, kiosk.user_code).status_code == 200


def test_rfc8628_5_1_a_network_of_many_browsers_is_limited_too(house: House) -> None:
    add_kiosk(house)

    def tries() -> str:
        return enters(house.browser(), "BCDF-GHJK").text

    for _ in range(100):
        tries()

    assert "Mã không đúng hoặc đã hết hạn" not in tries()


def test_a_code_serves_once(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    confirms(browser, kiosk.user_code)

    assert enters(house.browser(), kiosk.user_code).status_code == 422


def test_of_many_confirmations_at_once_one_opens_a_session(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    page = enters(browser, kiosk.user_code)
    form = {"csrf": browser._csrf(), "do": "confirm"}
    cookies = browser.client._cookies

    def posts() -> object:
        client = house.app.test_client()
        client._cookies = cookies
        return client.post(page.request.path, data=form)

    at_once(8, posts)

    with house.database.transaction() as connection:
        count = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM audit WHERE event = 'device.approved'"
        ).scalar()
    assert count == 1


def test_another_browser_does_not_get_at_the_question(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    page = enters(browser, kiosk.user_code)

    assert house.browser().get(page.request.path).status_code == 410


def test_a_level_that_a_password_does_not_prove_is_not_given_to_a_device(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins(acr_values="ial3")

    page = enters(browser, kiosk.user_code)

    assert "mức xác minh cao hơn" in page.text
    assert "Có, xác nhận" not in page.text
    browser.post({"do": "confirm"})
    assert kiosk.polls().get_json()["error"] == "authorization_pending"
    browser.post({"do": "cancel"})
    assert kiosk.waits_and_polls().get_json()["error"] == "access_denied"


def test_a_code_that_expired_meanwhile_confirms_nothing(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    enters(browser, kiosk.user_code)
    house.clock.forward(seconds=601)

    assert browser.post({"do": "confirm"}).status_code == 410
    assert kiosk.polls().get_json()["error"] == "expired_token"


def test_the_owner_is_told_and_finds_it_in_the_history(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    house.forget_messages()
    confirms(browser, kiosk.user_code)

    assert "đã cho thiết bị của Cổng kiosk dùng tài khoản" in house.messages()[0]["text"]
    assert "Cho thiết bị dùng tài khoản" in browser.get("/account/history").text


def test_a_forged_post_confirms_nothing(house: House) -> None:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    page = enters(browser, kiosk.user_code)

    refused = browser.client.post(page.request.path, data={"do": "confirm"})

    assert refused.status_code == 403
    assert kiosk.polls().get_json()["error"] == "authorization_pending"


def test_the_pages_speak_english(house: House) -> None:
    browser = house.browser()
    browser.get("/lang/en?next=/device")

    assert "Enter the code on your device" in browser.text
