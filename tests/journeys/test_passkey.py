"""Passkeys: added with a fresh proof, then a way in of level two that nobody else can use."""

from __future__ import annotations

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from tests.journeys.test_account import signed_in, signed_in_by_usb
from tests.support.house import PASSWORD, Browser, House, PortalClient, add_portal, answer_of
from tests.support.passkeys import Passkey

TAB = "?method=passkey"


def nonce(browser: Browser) -> str:
    """What the page gives to the browser to sign."""
    found = re.search(r'data-options="([^"]+)"', browser.text)
    assert found, browser.text
    return str(json.loads(html.unescape(found[1]))["challenge"])


def begins(browser: Browser) -> TestResponse:
    browser.get("/account/methods/new")
    return browser.post({"method": "passkey"}, "/account/methods/add")


def adds(browser: Browser, device: Passkey) -> TestResponse:
    begins(browser)
    return browser.post({"token": device.makes(nonce(browser))})


def asks(browser: Browser, path: str = "/login") -> None:
    browser.visit(path)
    browser.visit(browser.path + TAB)
    browser.send({"do": "confirm"})


def enters(browser: Browser, device: Passkey, path: str = "/login") -> TestResponse:
    asks(browser, path)
    return browser.send({"token": device.signs(nonce(browser))})


def added(house: House) -> tuple[Browser, Passkey]:
    browser, device = signed_in(house), Passkey()
    page = adds(browser, device)
    assert page.request.path == "/account/methods", page.text
    return browser, device


def removes(browser: Browser) -> TestResponse:
    found = re.search(r'name="credential" value="([0-9a-f]{32})"', browser.text)
    assert found, browser.text
    return browser.post({"credential": found[1]}, "/account/methods/remove")


def is_in(browser: Browser) -> bool:
    return browser.get("/account").request.path == "/account"


def test_a_passkey_is_added_and_signs_in_without_anything_typed(house: House) -> None:
    browser, device = added(house)
    assert "Khóa truy cập" in browser.text

    other = house.browser()
    page = enters(other, device)

    assert page.request.path == "/account"
    assert "Nguyễn Văn Hoà" in page.text


def test_its_addition_and_removal_are_told_to_the_owner(house: House) -> None:
    browser, _ = added(house)
    told = [m["text"] for m in house.messages() if m["to"] == "+84821234088"]
    assert any("Khóa truy cập" in text and "/not-me/" in text for text in told), told
    house.forget_messages()

    removes(browser)

    told = [m["text"] for m in house.messages() if m["to"] == "+84821234088"]
    assert any("Khóa truy cập" in text for text in told)


def test_it_is_added_with_a_fresh_proof_only(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods/new")
    house.clock.forward(minutes=6)

    page = browser.post({"method": "passkey"}, "/account/methods/add")

    assert page.request.path.startswith("/login/")


def test_a_portal_hears_of_level_two_and_of_the_key(house: House) -> None:
    _, device = added(house)
    portal, other = add_portal(house), house.browser()

    enters(other, device, portal.request(acr_values="ial2"))
    page = other.send({"do": "confirm"})

    tokens = portal.redeems(answer_of(page)["code"]).get_json()
    claims = portal.claims(tokens["id_token"])
    assert claims["acr"] == "ial2"
    assert claims["amr"] == ["hwk", "user", "mfa"]


def test_on_an_account_of_level_three_it_proves_level_two(house: House) -> None:
    browser, device = signed_in_by_usb(house, serial=71), Passkey()
    adds(browser, device)
    portal, other = add_portal(house), house.browser()
    enters(other, device, portal.request())

    page = other.send({"do": "confirm"})

    tokens = portal.redeems(answer_of(page)["code"]).get_json()
    assert portal.claims(tokens["id_token"])["acr"] == "ial2"


def test_an_essential_level_three_is_not_proven_by_it(house: House) -> None:
    browser, device = signed_in_by_usb(house, serial=72), Passkey()
    adds(browser, device)
    portal, other = add_portal(house), house.browser()
    asked = '{"id_token":{"acr":{"essential":true,"values":["ial3"]}}}'
    other.visit(portal.request(claims=asked))

    page = other.visit(other.path + TAB)

    assert "data-options" not in page.text
    assert 'name="token"' not in page.text


ESSENTIAL = '{"id_token":{"acr":{"essential":true,"values":["%s"]}}}'


def claims_of(browser: Browser, portal: PortalClient) -> dict[str, object]:
    if browser.path.startswith("/consent"):
        browser.send({"do": "confirm"})
    assert browser.page
    tokens = portal.redeems(answer_of(browser.page)["code"]).get_json()
    return portal.claims(tokens["id_token"])


@pytest.mark.parametrize("asked", ["phr", "phr ial2"])
def test_eap_2_a_passkey_is_phishing_resistant_when_a_portal_asks(house: House, asked: str) -> None:
    _, device = added(house)
    portal, other = add_portal(house), house.browser()

    enters(other, device, portal.request(acr_values=asked))

    assert claims_of(other, portal)["acr"] == "phr"


def test_eap_2_a_password_does_not_answer_an_essential_phr(house: House) -> None:
    browser, device = added(house)
    portal = add_portal(house)

    browser.visit(portal.request(claims=ESSENTIAL % "phr"))

    assert browser.path.startswith("/login/")
    assert 'name="password"' not in browser.text
    assert 'name="password"' not in browser.visit(browser.path + "?method=totp").text
    browser.visit(browser.path + TAB)
    browser.send({"do": "confirm"})
    browser.send({"token": device.signs(nonce(browser))})
    assert claims_of(browser, portal)["acr"] == "phr"


def test_eap_2_a_voluntary_phr_is_tried_once_and_then_the_level_is_told(house: House) -> None:
    added(house)
    portal, other = add_portal(house), house.browser()
    other.visit(portal.request(acr_values="phr"))
    assert 'name="password"' not in other.text
    other.visit(other.path + "?method=password_otp")
    other.send({"username": "001072000136", "password": PASSWORD})
    other.send({"code": house.last_code()})

    assert claims_of(other, portal)["acr"] == "ial2"


def test_eap_2_a_passkey_is_not_known_to_be_in_hardware(house: House) -> None:
    _, device = added(house)
    portal, other = add_portal(house), house.browser()
    enters(other, device)

    other.visit(portal.request(claims=ESSENTIAL % "phrh"))

    assert other.path.startswith("/login/")
    assert "data-options" not in other.visit(other.path + TAB).text


def test_eap_2_a_token_is_phishing_resistant_hardware(house: House) -> None:
    browser, portal = signed_in_by_usb(house, serial=74), add_portal(house)

    browser.visit(portal.request(claims=ESSENTIAL % "phrh"))

    assert claims_of(browser, portal)["acr"] == "phrh"


def test_eap_2_an_unmet_phr_without_a_page_is_an_error(house: House) -> None:
    browser, _ = added(house)
    portal = add_portal(house)

    page = browser.visit(portal.request(claims=ESSENTIAL % "phr", prompt="none"))

    assert answer_of(page)["error"] == "login_required"


def test_a_challenge_answers_once(house: House) -> None:
    _, device = added(house)
    other = house.browser()
    asks(other)
    path, form = other.path, {"csrf": other._csrf(), "token": device.signs(nonce(other))}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: other.client.post(path, data=form), range(8)))

    opened = [a for a in answers if "session" in a.headers.get("Set-Cookie", "")]
    assert len(opened) == 1
    assert {a.status_code for a in answers} <= {303, 409, 410, 422}


def test_the_challenge_of_another_browser_is_refused(house: House) -> None:
    _, device = added(house)
    mine, theirs = house.browser(), house.browser()
    asks(mine)
    asks(theirs)

    page = mine.send({"token": device.signs(nonce(theirs))})

    assert "Khóa truy cập không đúng" in page.text
    assert not is_in(mine)


def test_another_origin_is_refused(house: House) -> None:
    _, device = added(house)
    other = house.browser()
    asks(other)

    page = other.send({"token": device.signs(nonce(other), origin="https://gia-mao.example")})

    assert "Khóa truy cập không đúng" in page.text
    assert not is_in(other)


def test_an_unknown_passkey_and_a_forged_one_are_told_alike(house: House) -> None:
    _, device = added(house)
    unknown = enters(house.browser(), Passkey())
    forged = enters(house.browser(), Passkey(id=device.id))

    def text(page: TestResponse) -> str:
        return re.sub(r"[0-9a-f]{32}|value=\"[^\"]*\"", "", page.text)

    assert "Khóa truy cập không đúng" in unknown.text
    assert text(unknown) == text(forged)
    assert unknown.status_code == forged.status_code


def test_a_failed_try_stands_in_the_owners_history(house: House) -> None:
    browser, device = added(house)
    enters(house.browser(), Passkey(id=device.id))

    history = browser.get("/account/history").text

    assert "Khóa truy cập" in history


def test_a_removed_passkey_opens_nothing(house: House) -> None:
    browser, device = added(house)
    removes(browser)
    other = house.browser()

    page = enters(other, device)

    assert "Khóa truy cập không đúng" in page.text
    assert not is_in(other)


def test_a_passkey_is_in_one_account(house: House) -> None:
    _, device = added(house)
    house.carrier.add("0912345678", "079199000001", name="Trần Thị Bưởi", birth_date="05/05/1999")
    stranger = house.browser()
    stranger.registers(
        username="079199000001",
        full_name="Trần Thị Bưởi",
        birth_date="05/05/1999",
        phone="0912345678",
        email="",
    )
    stranger.get("/login")
    stranger.post({"username": "079199000001", "password": "Sông-Hồng-2026-xanh"})
    stranger.post({"code": house.last_code()})

    page = adds(stranger, device)

    assert page.status_code == 422
    assert "đã gắn với một tài khoản" in page.text


def test_a_frozen_account_lets_nobody_in_by_passkey(house: House) -> None:
    browser, device = added(house)
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})
    other = house.browser()

    page = enters(other, device)

    assert "Tài khoản đang bị khóa" in page.text
    assert not is_in(other)


def test_with_sms_sign_in_off_a_passkey_still_opens_the_account_and_stays(house: House) -> None:
    browser, device = added(house)
    browser.get("/account/protection")
    browser.post({"name": "allows_sms", "to": "off"}, "/account/protection/switch")

    assert enters(house.browser(), device).request.path == "/account"
    browser.get("/account/methods")
    page = removes(browser)
    assert page.status_code == 422
    assert "cách đăng nhập cuối cùng" in page.text


def test_no_more_than_five_are_added(house: House) -> None:
    browser = signed_in(house)
    for _ in range(5):
        adds(browser, Passkey())

    page = begins(browser)

    assert page.status_code == 422
    assert "tối đa 5" in page.text
    assert "data-options" not in page.text, "no device makes a key in vain"


def test_a_page_that_says_why_not_asks_the_device_only_when_the_button_is_pressed(
    house: House,
) -> None:
    browser = signed_in(house)
    assert "js/passkey" in begins(browser).text
    spent = Passkey().makes("AAAA")

    page = browser.post({"token": spent})

    assert page.status_code == 422
    assert "js/passkey" not in page.text
    assert "js/passkey" in browser.post({"do": "restart"}).text


def test_of_many_parallel_additions_five_are_the_most(house: House) -> None:
    browser = signed_in(house)
    posts = []
    for _ in range(8):
        begins(browser)
        token = Passkey().makes(nonce(browser))
        posts.append((browser.path, {"csrf": browser._csrf(), "token": token}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda post: browser.client.post(post[0], data=post[1]), posts))

    page = browser.get("/account/methods").text
    assert len(re.findall(r'name="credential" value="', page)) == 5


def test_an_enrolment_is_for_the_account_and_browser_that_began_it(house: House) -> None:
    browser = signed_in(house)
    begins(browser)
    path = browser.path

    assert house.browser().client.get(path).status_code == 303
    assert house.browser().get(path).request.path.startswith("/login/")


def test_a_fresh_passkey_is_a_fresh_proof(house: House) -> None:
    _, device = added(house)
    house.clock.forward(minutes=10)
    other = house.browser()
    enters(other, device)

    assert other.get("/account/methods/new").request.path == "/account/methods/new"


@pytest.mark.parametrize(
    "token",
    ["", "{", "[]", "null", "[" * 5000, '{"id":"\\ud800"}', '{"id":"AAAA"}', "\0", "é" * 99],
)
def test_hostile_answers_are_refused_with_the_page(house: House, token: str) -> None:
    browser = house.browser()
    asks(browser)

    page = browser.post({"token": token})

    assert page.status_code in {200, 422}
    assert "Khóa truy cập không đúng" in page.text


@pytest.mark.parametrize("token", ["", "{", "[" * 5000, '{"id":"AAAA","response":{}}'])
def test_hostile_enrolments_add_nothing(house: House, token: str) -> None:
    browser = signed_in(house)
    begins(browser)

    page = browser.post({"token": token})

    assert page.status_code == 422
    assert 'name="credential"' not in browser.get("/account/methods").text
