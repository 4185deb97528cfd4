"""The ``claims`` parameter, languages and levels through a whole sign-in, on both databases."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from idp.oidc.calls import FORM_TYPE
from tests.journeys.test_usb import certificate, registers, signs
from tests.support.house import PASSWORD, PERSON, House, PortalClient, add_portal, answer_of


def userinfo(house: House, tokens: dict[str, Any]) -> dict[str, Any]:
    answer = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    found: dict[str, Any] = answer.get_json()
    return found


def asks(portal: PortalClient, claims: object, **changes: str) -> str:
    return portal.request(scope="openid", claims=json.dumps(claims), **changes)


def test_core_5_5_each_place_gets_what_was_asked_for_there(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    claims = {
        "id_token": {"name#vi": None, "gender": {"value": "female"}, "auth_time": None},
        "userinfo": {"email": {"essential": True}, "birthdate": {"values": ["1972-02-01"]}},
    }

    page = browser.signs_in_at(asks(portal, claims, claims_locales="en vi", display="popup"))
    tokens = portal.redeems(answer_of(page)["code"]).get_json()

    in_token = portal.claims(tokens["id_token"])
    assert in_token["name#vi"] == "Nguyễn Văn Hoà"
    assert not {"name", "gender", "email", "birthdate"} & set(in_token)
    found = userinfo(house, tokens)
    assert (found["email"], found["birthdate"]) == ("hoa@example.vn", "1972-02-01")
    assert "name#vi" not in found
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert portal.claims(again.get_json()["id_token"])["name#vi"] == "Nguyễn Văn Hoà"


def test_the_consent_page_names_what_only_the_claims_parameter_asks_for(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in()
    claims = {"id_token": {"name#vi": None}, "userinfo": {"tax_code": None, "address": None}}

    page = browser.visit(asks(portal, claims))

    for words in ("Họ tên", "Thông tin doanh nghiệp, cơ quan", "Địa chỉ"):
        assert words in page.text
    assert "Số điện thoại" not in page.text


def test_an_id_token_with_claims_costs_one_statement_more(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(asks(portal, {"id_token": {"name": None}}))
    code = answer_of(browser.visit(asks(portal, {"id_token": {"name": None}})))["code"]
    counted = house.database.counted
    before = counted.statements, counted.commits

    tokens = portal.redeems(code).get_json()

    assert (counted.statements - before[0], counted.commits - before[1]) == (2, 1)
    assert portal.claims(tokens["id_token"])["name"] == "Nguyễn Văn Hoà"


def test_asking_for_acr_and_auth_time_costs_nothing_more(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    request = asks(portal, {"id_token": {"acr": {"value": "ial2"}, "auth_time": None}})
    code = answer_of(browser.visit(request))["code"]
    before = house.database.counted.statements

    portal.redeems(code)

    assert house.database.counted.statements - before == 1


# --- sub by value -------------------------------------------------------------------------------


def test_core_5_5_1_the_person_asked_for_is_answered(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    sub = portal.claims(portal.signs_in_with(browser)["id_token"])["sub"]

    page = browser.visit(asks(portal, {"id_token": {"sub": {"value": sub}}}, prompt="none"))

    tokens = portal.redeems(answer_of(page)["code"]).get_json()
    assert portal.claims(tokens["id_token"])["sub"] == sub


def test_core_5_5_1_another_person_is_login_required_without_pages(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    portal.signs_in_with(browser)

    page = browser.visit(asks(portal, {"id_token": {"sub": {"value": "x"}}}, prompt="none"))

    assert answer_of(page)["error"] == "login_required"


def test_core_5_5_1_who_signs_in_as_another_gets_the_portal_an_error(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    portal.signs_in_with(browser)
    house.clock.forward(minutes=1)
    request = asks(portal, {"id_token": {"sub": {"value": "somebody-else", "essential": True}}})
    page = browser.visit(request)
    assert "Đăng nhập" in page.text
    house.clock.forward(minutes=1)

    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    page = browser.send({"code": house.last_code()})

    assert answer_of(page)["error"] == "access_denied"


@pytest.mark.parametrize("sub", [5, None, ["x"], {"a": 1}, "x" * 5000, "\u0000"])
def test_core_5_5_1_a_strange_subject_is_nobody(house: House, sub: object) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in()
    assert browser.get("/account").status_code == 200

    page = browser.visit(asks(portal, {"id_token": {"sub": {"value": sub}}}, prompt="none"))

    assert answer_of(page)["error"] in {"login_required", "invalid_request"}


# --- display, ui_locales, hostile ---------------------------------------------------------------


@pytest.mark.parametrize("display", ["page", "popup", "touch", "wap", "", "x" * 300, "<b>"])
def test_core_3_1_2_1_no_display_is_an_error(house: House, display: str) -> None:
    page = house.browser().visit(add_portal(house).request(display=display))

    assert page.status_code == 200
    assert "Tên đăng nhập" in page.text


@pytest.mark.parametrize("display", ["popup", "touch", "wap"])
@pytest.mark.parametrize("is_pushed", [False, True])
def test_core_3_1_2_1_display_changes_sign_in_and_consent(
    house: House, display: str, is_pushed: bool
) -> None:
    house.browser().registers()
    portal, browser = add_portal(house), house.browser()
    request = portal.request(display=display)
    if is_pushed:
        form, auth = request.partition("?")[2], (portal.client_id, portal.secret)
        pushed = house.app.test_client().post("/par", data=form, auth=auth, content_type=FORM_TYPE)
        known = {"client_id": portal.client_id, "request_uri": pushed.get_json()["request_uri"]}
        request = f"/authorize?{urlencode(known)}"
    looks = f'<html lang="vi" class="{display}">'

    form = browser.visit(request).text
    code = browser.send({"username": PERSON["username"], "password": PASSWORD}).text
    consent = browser.send({"code": house.last_code()}).text

    assert [looks in page for page in (form, code, consent)] == [True] * 3
    assert looks not in browser.get("/account").text


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://elsewhere.example.vn/"},
        {"client_id": "nobody"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:x", "redirect_uri": None},
    ],
    ids=["address", "client", "request_uri"],
)
def test_core_3_1_2_1_the_page_of_an_error_looks_and_speaks_as_asked_for(
    house: House, changes: dict[str, str | None]
) -> None:
    browser, asked = house.browser(), {"display": "popup", "ui_locales": "en", **changes}

    page = browser.visit(add_portal(house).request(**asked))
    later = browser.get("/no-such-page")

    assert page.status_code == 400
    assert '<html lang="en" class="popup">' in page.text
    assert '<html lang="vi">' in later.text


@pytest.mark.parametrize("display", ["touch touch", "x" * 5000, '"><script>', "POPUP"])
@pytest.mark.parametrize("ui_locales", ["", "x" * 5000, '"><script>', "\0"])
def test_core_15_1_the_page_of_an_error_survives_any_wish(
    house: House, display: str, ui_locales: str
) -> None:
    asked = {"client_id": "nobody", "display": display, "ui_locales": ui_locales}

    page = house.browser().visit(add_portal(house).request(**asked))

    assert page.status_code == 400
    assert '<html lang="vi">' in page.text
    assert '"><script>' not in page.text


@pytest.mark.parametrize(
    "display", [None, "page", "POPUP", "hologram", "popup touch", '"><script>']
)
def test_core_15_1_another_display_gives_the_usual_page(house: House, display: str | None) -> None:
    page = house.browser().visit(add_portal(house).request(display=display))

    assert '<html lang="vi">' in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("ui_locales", "language"),
    [("vi", "vi"), ("en", "en"), ("fr en", "en"), ("xx", "vi"), ("", "vi"), ("<b>", "vi")],
)
def test_core_3_1_2_1_ui_locales_chooses_the_language(
    house: House, ui_locales: str, language: str
) -> None:
    page = house.browser().visit(add_portal(house).request(ui_locales=ui_locales))

    assert f'<html lang="{language}">' in page.text


@pytest.mark.parametrize(
    "claims",
    [
        "{", "[]", "null", "[" * 5000, '{"userinfo": ' + '{"a":' * 2000,
        '{"id_token": {"verified_claims": {}}}', '{"userinfo": {"name": 1}}', "x" * 9000,
    ],
)  # fmt: skip
def test_core_5_5_hostile_claims_are_an_error_for_the_portal(house: House, claims: str) -> None:
    page = house.browser().visit(add_portal(house).request(claims=claims))

    assert answer_of(page)["error"] == "invalid_request"


# --- acr ----------------------------------------------------------------------------------------


def test_eap_phrh_is_met_by_a_token_and_named_in_acr(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    registers(browser, certificate())

    browser.visit(portal.request(acr_values="phrh phr"))
    browser.send({"do": "confirm"})
    signs(browser, certificate())
    page = browser.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(page)["code"]).get_json()["id_token"])
    assert claims["acr"] == "phrh"
    assert "hwk" in claims["amr"]


def test_eap_phr_asks_somebody_who_came_by_sms_for_more_once(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    portal.signs_in_with(browser)
    house.clock.forward(minutes=1)

    page = browser.visit(portal.request(acr_values="phr"))
    assert "Đăng nhập" in page.text
    house.clock.forward(minutes=1)
    browser.get(re.sub(r"\?.*", "", browser.path) + "?method=password_otp")
    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    page = browser.send({"code": house.last_code()})

    claims = portal.claims(portal.redeems(answer_of(page)["code"]).get_json()["id_token"])
    assert claims["acr"] == "ial2"


def test_eap_essential_phrh_leaves_only_methods_that_can(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    essential = json.dumps({"id_token": {"acr": {"essential": True, "value": "phrh"}}})

    pages = [browser.visit(portal.request(claims=essential)).text]
    for method in ("password_otp", "sim", "passkey"):
        browser.get(re.sub(r"\?.*", "", browser.path) + f"?method={method}")
        pages.append(browser.text)

    assert all("USB" in page for page in pages)
    assert not any('type="password"' in page or 'name="phone"' in page for page in pages)


def test_rfc9470_a_challenge_of_a_resource_leads_to_the_level_it_needs(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    registers(browser, certificate())
    browser.visit(portal.request(acr_values="ial3"))
    browser.send({"do": "confirm"})
    signs(browser, certificate())
    page = browser.send({"do": "confirm"})
    tokens = portal.redeems(answer_of(page)["code"]).get_json()
    assert not challenge(portal, tokens, house)
    house.clock.forward(minutes=6)
    stale = answer_of(browser.visit(portal.request()))["code"]
    tokens = portal.redeems(stale).get_json()

    asked = challenge(portal, tokens, house)
    browser.visit(portal.request(**asked))
    browser.send({"do": "confirm"})
    signs(browser, certificate())

    assert browser.page
    tokens = portal.redeems(answer_of(browser.page)["code"]).get_json()
    assert not challenge(portal, tokens, house)


def challenge(portal: PortalClient, tokens: dict[str, Any], house: House) -> dict[str, str]:
    """What a resource server answers (RFC 9470, 3), as parameters of the next request."""
    claims = portal.claims(tokens["access_token"])
    age = house.clock().timestamp() - claims["auth_time"]
    is_enough = claims["acr"] == "ial3" and age <= timedelta(minutes=5).total_seconds()
    header = 'Bearer error="insufficient_user_authentication", acr_values="ial3", max_age="300"'
    return {} if is_enough else dict(re.findall(r'(acr_values|max_age)="([^"]+)"', header))
