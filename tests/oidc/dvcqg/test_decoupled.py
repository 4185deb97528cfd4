"""Kiosks and back offices of portals of the national SSO: the same names, levels and consent."""

from __future__ import annotations

from tests.support.decoupled import add_kiosk, confirms, enters
from tests.support.house import Browser, House


def someone(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.signs_in_again()
    return browser


def test_the_page_names_what_such_a_portal_gets_without_asking(house: House) -> None:
    kiosk, browser = add_kiosk(house, profile="dvcqg"), someone(house)
    kiosk.begins(scope="openid")

    page = enters(browser, kiosk.user_code).text

    for text in ("Họ tên", "Ngày sinh", "Số điện thoại", "Số CMT/CCCD"):
        assert text in page


def test_its_tokens_say_the_level_in_its_words_and_userinfo_the_same(house: House) -> None:
    kiosk, browser = add_kiosk(house, profile="dvcqg"), someone(house)
    kiosk.begins(scope="openid")
    confirms(browser, kiosk.user_code)

    tokens = kiosk.polls().get_json()

    assert kiosk.portal.claims(tokens["id_token"])["acr"] == "LoA2"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    user = house.app.test_client().get("/userinfo", headers=bearer).get_json()
    assert (user["IAL"], user["loAs"]) == (2, "LoA2")
    assert user["name"] == "Nguyễn Văn Hoà"


def test_a_standard_kiosk_of_the_same_scope_gets_none_of_it(house: House) -> None:
    kiosk, browser = add_kiosk(house), someone(house)
    kiosk.begins(scope="openid")
    confirms(browser, kiosk.user_code)

    tokens = kiosk.polls().get_json()

    assert kiosk.portal.claims(tokens["id_token"])["acr"] == "ial2"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    user = house.app.test_client().get("/userinfo", headers=bearer).get_json()
    assert set(user) == {"sub"}
