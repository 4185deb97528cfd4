"""The profile ``dvcqg``: a portal of today changes a host name and works (national-sso.md C.4)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from tests.oidc.dvcqg.portal import add_old_portal
from tests.support.build import VAULT
from tests.support.house import House, add_portal, answer_of


def test_c4_1_a_portal_of_today_signs_a_person_in(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()

    tokens = portal.signs_in(browser)

    found = portal.userinfo(tokens["access_token"])
    assert str(UUID(found["TechID"])) == found["TechID"]
    expected = {
        "LoaiTaiKhoan": "1",
        "HoVaTen": "Nguyễn Văn Hoà",
        "SoDinhDanh": "001072000136",
        "SoCMND": "012345678",
        "NgayThangNamSinh": "19720201",
        "GioiTinh": 1,
        "SoDienThoai": "0821234088",
        "ThuDienTu": "hoa@example.vn",
        "IAL": 2,
        "loAs": "LoA2",
        "name": "Nguyễn Văn Hoà",
        "birthdate": "1972-02-01",
        "phone_number": "+84821234088",
        "email": "hoa@example.vn",
        "updated_at": int(house.clock().timestamp()),
    }
    assert expected.items() <= found.items()


def test_c4_1_the_person_is_told_what_such_a_portal_gets(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()
    browser.visit(portal.login_url())
    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})

    page = browser.send({"code": house.last_code()})

    for words in ("Họ tên", "Số CMT/CCCD", "Số điện thoại", "Email", "Mã số BHXH", "Địa chỉ"):
        assert words in page.text


def test_c4_2_levels_are_named_loa(house: House) -> None:
    portal = add_old_portal(house, id_token_signed_response_alg="RS256")
    browser = house.browser()
    browser.registers()

    tokens = portal.signs_in(browser)

    claims = add_portal(house, "reader").claims(tokens["id_token"])
    assert claims["acr"] == "LoA2"
    assert "HoVaTen" not in claims
    assert "TechID" not in claims


def test_c4_1_the_id_token_has_the_claims_that_were_asked_for(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()

    tokens = portal.signs_in(browser, claims='{"id_token":{"TechID":null,"HoVaTen":null}}')

    claims = add_portal(house, "reader").claims(tokens["id_token"])
    assert claims["HoVaTen"] == "Nguyễn Văn Hoà"
    assert claims["TechID"] == portal.userinfo(tokens["access_token"])["TechID"]
    assert "SoDinhDanh" not in claims


def test_c4_2_an_essential_level_that_cannot_be_reached_is_an_error(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()
    portal.signs_in(browser)
    essential = '{"id_token":{"acr":{"essential":true,"value":"LoA3"}}}'

    answer = answer_of(browser.visit(portal.login_url(claims=essential)))

    assert answer["error"] == "unmet_authentication_requirements"


def test_c4_3_userinfo_answers_get_and_post(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()
    token = portal.signs_in(browser)["access_token"]
    client, headers = house.app.test_client(), {"Authorization": f"Bearer {token}"}

    answers = [
        client.get("/oauth2/userinfo", headers=headers),
        client.post("/oauth2/userinfo", headers=headers),
        client.post("/oauth2/userinfo", headers=headers, json={}),
        client.post("/oauth2/userinfo", data={"access_token": token}),
        client.get("/userinfo", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.text for answer in answers}) == 1


def test_c1_logout_by_id_token_hint_at_the_old_address(house: House) -> None:
    back = "https://thanhhoa.example.vn/bye"
    portal = add_old_portal(house, post_logout_redirect_uris=[back])
    browser = house.browser()
    browser.registers()
    tokens = portal.signs_in(browser)

    page = browser.visit(
        f"/oidc/logout?id_token_hint={tokens['id_token']}"
        f"&post_logout_redirect_uri={quote(back, safe='')}&state=s"
    )

    assert page.status_code == 200
    assert "Đăng xuất tất cả" in page.text


def test_techid_is_the_same_at_all_old_portals_and_nobody_else_gets_it(house: House) -> None:
    one, two = add_old_portal(house, "thanhhoa"), add_old_portal(house, "bacninh")
    browser = house.browser()
    browser.registers()
    first = one.userinfo(one.signs_in(browser)["access_token"])
    browser.visit(two.login_url())

    second = two.userinfo(two.comes_back(browser.send({"do": "confirm"}))["access_token"])

    assert first["TechID"] == second["TechID"]
    assert first["sub"] != second["sub"]
    account = AccountStore(house.database, VAULT).find_by_id_number(IdNumber.parse("001072000136"))
    assert account
    assert str(account.id) != first["TechID"]
    standard = add_portal(house, "hanoi")
    browser.visit(standard.request(claims='{"userinfo":{"TechID":null}}'))
    code = answer_of(browser.send({"do": "confirm"}))["code"]
    token = standard.redeems(code).get_json()["access_token"]
    plain = house.app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert first["TechID"] not in plain.text


def test_hot_paths_of_an_old_portal_cost_what_they_cost_everybody(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()
    portal.signs_in(browser)
    counted = house.database.counted
    before = counted.statements, counted.commits

    page = browser.visit(portal.login_url())
    authorize = counted.statements - before[0], counted.commits - before[1]
    tokens = portal.comes_back(page)
    token = counted.statements - before[0] - 1, counted.commits - before[1]
    portal.userinfo(tokens["access_token"])
    userinfo = counted.statements - before[0] - 2, counted.commits - before[1] - 1

    assert (authorize, token, userinfo) == ((1, 0), (1, 1), (1, 0))


@pytest.mark.parametrize("path", ["/oauth2/introspect", "/oauth2/revoke"])
def test_an_alias_exists_exactly_where_its_endpoint_does(house: House, path: str) -> None:
    ours = {rule.rule for rule in house.app.url_map.iter_rules()}

    assert (path in ours) is (path.removeprefix("/oauth2") in ours)


# --- TraCuuTechID -------------------------------------------------------------------------------


def looks_up(house: House, token: str, **body: Any) -> Any:
    return house.app.test_client().post(
        "/oauth2/techid", json=body, headers={"Authorization": f"Bearer {token}"}
    )


def test_c4_4_a_back_office_looks_a_techid_up_and_the_person_sees_it(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()
    expected = portal.userinfo(portal.signs_in(browser)["access_token"])["TechID"]
    token = portal.own_token().get_json()["access_token"]

    answers = [
        looks_up(house, token, SoDinhDanh="001072000136"),
        looks_up(house, token, SoCMND="012345678"),
        house.app.test_client().post(
            "/oauth2/techid",
            data={"SoDinhDanh": "001072000136"},
            headers={"Authorization": f"Bearer {token}"},
        ),
    ]

    for answer in answers:
        assert answer.get_json() == {"TechID": expected, "LoaiTaiKhoan": "1"}
        assert answer.headers["Cache-Control"] == "no-store"
    assert "tra cứu mã tài khoản" in browser.get("/account/history").text


def test_c4_4_nobody_there_is_not_found(house: House) -> None:
    token = add_old_portal(house).own_token().get_json()["access_token"]

    answer = looks_up(house, token, MaSoThue="0100233488")

    assert (answer.status_code, answer.get_json()) == (404, {"error": "not_found"})


def test_c4_4_look_ups_are_limited_whether_somebody_is_found_or_not(house: House) -> None:
    token = add_old_portal(house).own_token().get_json()["access_token"]

    statuses = [looks_up(house, token, SoDinhDanh="001072000136").status_code for _ in range(61)]

    assert statuses == [404] * 60 + [429]
    house.clock.forward(minutes=2)
    assert looks_up(house, token, SoDinhDanh="001072000136").status_code == 404


def test_c4_4_a_persons_token_looks_nobody_up(house: House) -> None:
    portal = add_old_portal(house)
    browser = house.browser()
    browser.registers()
    tokens = portal.signs_in(browser)

    answer = looks_up(house, tokens["access_token"], SoDinhDanh="001072000136")

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_c4_4_only_old_portals_with_the_scope_may(house: House) -> None:
    without = add_old_portal(house, "bacninh", scope="openid")
    modern = add_old_portal(house, "hanoi", profile="standard")

    assert without.own_token().get_json()["error"] == "invalid_scope"
    token = modern.own_token().get_json()["access_token"]
    refused = looks_up(house, token, SoDinhDanh="001072000136")
    assert refused.status_code == 403
    assert re.search(r'scope="techid.lookup"', refused.headers["WWW-Authenticate"])


@pytest.mark.parametrize("token", ["", "x", "ey.ey.ey", "\u00e9", "x" * 20000])
def test_c4_4_without_a_token_of_ours_nothing_is_told(house: House, token: str) -> None:
    answer = looks_up(house, quote(token), SoDinhDanh="001072000136")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"5", b"{}", b"[" * 900,
        b'{"SoDinhDanh": 1072000136}', b'{"SoDinhDanh": []}', b'{"SoDinhDanh": ""}',
        b'{"SoDinhDanh": "x"}', b'{"SoDinhDanh": "12345"}', b'{"MaSoThue": "0100233480"}',
        b'{"MaDonVi": "%%"}', b'{"SoDinhDanh": "001072000136", "SoCMND": "012345678"}',
        b'{"SoDinhDanh": "\\u0000"}', b'{"x": "001072000136"}', b"\xff\xfe", b"x" * 2000,
    ],
)  # fmt: skip
def test_c4_4_a_question_that_cannot_be_read_is_refused(house: House, body: bytes) -> None:
    token = add_old_portal(house).own_token().get_json()["access_token"]

    answer = house.app.test_client().post(
        "/oauth2/techid",
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
