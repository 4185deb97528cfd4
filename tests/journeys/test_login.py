"""Sign-in by id number, password and code (R41-R47), alone and at portals."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from tests.support.house import (
    PASSWORD,
    PERSON,
    House,
    add_portal,
    answer_of,
)

WRONG = "Tên đăng nhập hoặc mật khẩu không đúng."


def test_a_person_signs_in_and_sees_their_identity(house: House) -> None:
    browser = house.browser()
    browser.registers()

    page = browser.signs_in()

    assert page.request.path == "/account"
    for text in (
        "Nguyễn Văn Hoà",
        "001072000136",
        "012345678",
        "01/02/1972",
        "Thông tin định danh",
    ):
        assert text in page.text


def test_cmnd_and_cccd_open_the_same_account(house: House) -> None:
    house.browser().registers()
    browser = house.browser()
    browser.get("/login")

    browser.types_password("012345678")
    page = browser.post({"code": house.last_code()})

    assert "001072000136" in page.text


def test_unknown_person_and_wrong_password_get_the_same_answer(house: House) -> None:
    house.browser().registers()
    pages = []
    for username, password in (("001072000136", "Sai-mật-khẩu-1"), ("079199000001", PASSWORD)):
        browser = house.browser()
        browser.get("/login")
        pages.append(browser.types_password(username, password))

    texts = [re.sub(r"[0-9a-f]{32}|value=\"[^\"]*\"", "", page.text) for page in pages]

    assert WRONG in texts[0]
    assert texts[0] == texts[1]
    assert pages[0].status_code == pages[1].status_code


def test_captcha_comes_after_the_first_failure(house: House) -> None:
    house.browser().registers()
    browser = house.browser()

    first = browser.get("/login")
    second = browser.types_password(password="Sai-mật-khẩu-1")
    third = browser.types_password()
    fourth = browser.post({**PERSON, "password": PASSWORD, "captcha": "12345"})

    assert 'name="captcha"' not in first.text
    assert 'name="captcha"' in second.text
    assert "Xác thực mã OTP" not in third.text
    assert "Xác thực mã OTP" in fourth.text


def test_the_code_screen_has_every_way_on_of_the_guide(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.get("/login")

    page = browser.types_password()

    for way in (
        "Gửi lại OTP",
        "Chọn phương thức xác thực khác",
        "Mất số điện thoại nhận OTP",
        "Chưa có tài khoản?",
    ):
        assert way in page.text
    assert f'href="/register?login={browser.path.rsplit("/", 1)[1]}"' in page.text


def test_codes_that_are_not_compared_do_not_use_up_the_day(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.get("/login")
    browser.types_password()
    for _ in range(30):
        page = browser.post({"code": "000000"})
    assert "15 phút" in page.text
    house.clock.forward(seconds=61)
    browser.post({"do": "resend"})

    page = browser.post({"code": house.last_code()})

    assert page.request.path == "/account"


def test_a_wait_of_a_day_is_told_in_hours(house: House) -> None:
    house.settings_otp(wrong_per_day=3)
    browser = house.browser()
    browser.registers()
    browser.get("/login")
    browser.types_password()
    for _ in range(4):
        page = browser.post({"code": "000000"})

    assert "Vui lòng thử lại sau 24 giờ." in page.text


def test_ten_wrong_passwords_in_parallel_are_the_most_that_are_compared(house: House) -> None:
    house.browser().registers()
    hasher = house.app.extensions["idp.house"].login.steps.first_method.login.hasher
    browser = house.browser()
    browser.get("/login")
    compared = []
    verify = hasher.verify
    hasher.verify = lambda *given: compared.append(1) or verify(*given)
    paths = []
    for _ in range(40):
        browser.get("/login")
        paths.append(browser.path)
    csrf = browser._csrf()
    cookie = "; ".join(f"{c.key}={c.value}" for c in browser.client._cookies.values())

    def guess(path: str) -> int:
        form = {"csrf": csrf, "username": PERSON["username"], "password": "Sai-mật-khẩu-1"}
        client = house.app.test_client(use_cookies=False)
        return client.post(path, data=form, headers={"Cookie": cookie}).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(guess, paths))

    assert set(statuses) <= {422}
    assert len(compared) <= 10


def test_one_password_tried_on_many_numbers_brings_the_captcha_and_locks_nobody_out(
    house: House,
) -> None:
    house.browser().registers()
    house.settings_limits(wrong_passwords_network=3)
    for number in ("001085014236", "092087089413", "079088000001"):
        stranger = house.browser()
        stranger.get("/login")
        stranger.types_password(number, "Sai-mật-khẩu-1")
    owner = house.browser()
    owner.get("/login")

    page = owner.types_password()
    right = owner.post({**PERSON, "password": PASSWORD, "captcha": "12345"})

    assert 'name="captcha"' in page.text
    assert "Xác thực mã OTP" in right.text


def test_a_stranger_cannot_lock_the_owner_out(house: House) -> None:
    owner = house.browser()
    owner.registers()
    owner.signs_in()
    stranger = house.browser()
    stranger.get("/login")
    for _ in range(15):
        stranger.post({**PERSON, "password": "Sai-mật-khẩu-1", "captcha": "12345"})
        house.clock.forward(seconds=2)

    owner.get("/login")
    owner.types_password()
    page = owner.post({**PERSON, "password": PASSWORD, "captcha": "12345"})

    assert "Xác thực mã OTP" in page.text


def test_cancel_goes_home(house: House) -> None:
    browser = house.browser()
    browser.get("/login")

    assert browser.post({"do": "cancel"}).request.path == "/"


def test_a_sign_in_belongs_to_one_browser(house: House) -> None:
    browser = house.browser()
    path = browser.get("/login").request.path

    assert house.browser().client.get(path).status_code == 410


def test_double_post_of_the_code_opens_one_session(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.get("/login")
    browser.types_password()
    form = {"csrf": browser._csrf(), "code": house.last_code()}
    cookie = "; ".join(f"{c.key}={c.value}" for c in browser.client._cookies.values())

    def confirm(_: int) -> str:
        client = house.app.test_client(use_cookies=False)
        return client.post(browser.path, data=form, headers={"Cookie": cookie}).headers.get(
            "Set-Cookie", ""
        )

    with ThreadPoolExecutor(10) as pool:
        cookies = [answer for answer in pool.map(confirm, range(20)) if "idp_session" in answer]

    assert len(cookies) == 1


def test_portal_gets_a_verified_identity_at_level_two(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()

    answer = answer_of(browser.signs_in_at(portal.request()))
    tokens = portal.redeems(answer["code"]).get_json()
    claims = portal.claims(tokens["id_token"])

    assert (answer["state"], answer["iss"]) == ("s t/ä", "http://localhost:8000")
    assert (claims["acr"], claims["aud"], claims["nonce"]) == ("ial2", "hanoi", "n-1")
    assert set(claims["amr"]) == {"pwd", "sms", "otp", "mfa"}
    assert "name" not in claims
    userinfo = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert userinfo.get_json() == {
        "sub": claims["sub"],
        "name": "Nguyễn Văn Hoà",
        "birthdate": "1972-02-01",
        "gender": "male",
        "id_number": "001072000136",
        "id_number_type": "cccd",
        "account_kind": "citizen",
        "locale": "vi",
        "updated_at": int(house.clock().timestamp()),
    }


def test_second_portal_needs_no_password_and_shows_what_it_gets(house: House) -> None:
    first, second = add_portal(house, "hanoi"), add_portal(house, "boyte")
    browser = house.browser()
    browser.registers()
    one = answer_of(browser.signs_in_at(first.request()))

    page = browser.visit(second.request())
    shown = page.text
    two = answer_of(browser.send({"do": "confirm"}))
    again = answer_of(browser.visit(second.request()))

    assert "Họ" in shown
    assert page.request.path.startswith("/consent/")
    assert "code" in again
    subs = [
        portal.claims(portal.redeems(answer["code"]).get_json()["id_token"])["sub"]
        for portal, answer in ((first, one), (second, two))
    ]
    assert subs[0] != subs[1]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request": "x"}, "invalid_request_object"),
        ({"request_uri": "https://x"}, "invalid_request_uri"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"claims": "[1]"}, "invalid_request"),
        ({"claims": "{" * 9000}, "invalid_request"),
        ({"nonce": "n" * 9000}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
    ],
)
def test_error_goes_to_the_portal_with_state_and_iss(
    house: House, changes: dict[str, str | None], error: str
) -> None:
    portal = add_portal(house)

    answer = answer_of(house.browser().visit(portal.request(**changes)))

    assert (answer["error"], answer["state"]) == (error, "s t/ä")
    assert answer["iss"] == "http://localhost:8000"


@pytest.mark.parametrize(
    "changes",
    [{"client_id": "nobody"}, {"client_id": None}, {"client_id": '"ä\0'},
     {"redirect_uri": "https://evil.example/"}, {"redirect_uri": None},
     {"redirect_uri": "https://hanoi.example.vn/callback/"}, {"redirect_uri": 'x"ä'}],
)  # fmt: skip
def test_untrusted_request_stays_on_our_page(house: House, changes: dict[str, str | None]) -> None:
    portal = add_portal(house)

    page = house.browser().visit(portal.request(**changes))

    assert page.status_code == 400
    assert "text/html" in page.content_type
    assert "Location" not in page.headers


def test_repeated_parameter_is_refused(house: House) -> None:
    portal = add_portal(house)

    answer = answer_of(house.browser().visit(portal.request() + "&nonce=2"))

    assert answer["error"] == "invalid_request"


def test_request_by_post_finds_the_session_of_the_browser(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    form = dict(parse_qsl(portal.request().partition("?")[2]))

    without_cookies = house.app.test_client(use_cookies=False).post("/authorize", data=form)
    browser.page = browser.client.get(without_cookies.headers["Location"])
    directly = browser.client.post("/authorize", data=form)

    assert without_cookies.status_code == 303
    assert "code" in answer_of(browser.follow())
    assert "code" in answer_of(directly)


def test_cancel_tells_the_portal(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.visit(portal.request())

    assert answer_of(browser.send({"do": "cancel"}))["error"] == "access_denied"


def test_refused_consent_tells_the_portal(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in()
    browser.visit(portal.request())

    assert answer_of(browser.send({"do": "cancel"}))["error"] == "access_denied"
    assert answer_of(browser.visit(portal.request(prompt="none")))["error"] == "consent_required"


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "60"}])
def test_portal_can_ask_for_a_new_sign_in(house: House, changes: dict[str, str]) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    house.clock.forward(seconds=90)

    page = browser.visit(portal.request(**changes))
    assert page.request.path.startswith("/login/")
    browser.send({"username": PERSON["username"], "password": PASSWORD})
    answer = answer_of(browser.send({"code": house.last_code()}))

    claims = portal.claims(portal.redeems(answer["code"]).get_json()["id_token"])
    assert claims["auth_time"] == int(house.clock().timestamp())


def test_form_post_answers_with_a_form(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()

    page = browser.signs_in_at(portal.request(response_mode="form_post"))

    assert f'action="{portal.redirect_uri}"' in page.text
    assert 'name="code"' in page.text
    assert "https://hanoi.example.vn" in page.headers["Content-Security-Policy"]


def test_essential_level_out_of_reach_is_an_error(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    essential = '{"id_token":{"acr":{"essential":true,"value":"ial3"}}}'

    answer = answer_of(browser.visit(portal.request(claims=essential)))

    assert answer["error"] == "unmet_authentication_requirements"


def test_level_three_is_not_asserted_for_a_password(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()

    browser.visit(portal.request(acr_values="ial3"))
    answer = answer_of(browser.signs_in_at(f"{browser.path}?method=password_otp"))

    tokens = portal.redeems(answer["code"]).get_json()
    assert portal.claims(tokens["id_token"])["acr"] == "ial2"


def test_of_fifty_redemptions_at_once_one_succeeds_and_its_grant_dies(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(portal.request()))["code"]

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: portal.redeems(code), range(50)))

    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert {a.get_json()["error"] for a in answers if a not in good} == {"invalid_grant"}
    refresh = good[0].get_json()["refresh_token"]
    assert portal.token(grant_type="refresh_token", refresh_token=refresh).status_code == 400


def test_refreshed_id_token_says_what_the_sign_in_proved(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    tokens = portal.redeems(answer_of(browser.signs_in_at(portal.request()))["code"]).get_json()
    house.clock.forward(minutes=20)

    fresh = portal.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    ).get_json()
    first, second = (portal.claims(found["id_token"]) for found in (tokens, fresh))

    for name in ("sub", "acr", "amr", "auth_time", "sid"):
        assert first[name] == second[name]
    assert second["iat"] - first["iat"] == 1200
    assert "nonce" not in second
    assert fresh["refresh_token"] != tokens["refresh_token"]


def test_reused_refresh_token_ends_the_family(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    tokens = portal.redeems(answer_of(browser.signs_in_at(portal.request()))["code"]).get_json()
    old = tokens["refresh_token"]
    new = portal.token(grant_type="refresh_token", refresh_token=old).get_json()["refresh_token"]
    house.clock.forward(seconds=11)

    reused = portal.token(grant_type="refresh_token", refresh_token=old)
    after = portal.token(grant_type="refresh_token", refresh_token=new)

    assert reused.get_json()["error"] == "invalid_grant"
    assert after.get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [{"code_verifier": "w" * 64}, {"code_verifier": ""}, {"redirect_uri": ""},
     {"redirect_uri": "https://evil.example/"}, {"code": "x"}, {"code": "ä"},
     {"code": "A" * 20000}],
)  # fmt: skip
def test_code_is_bound_to_its_request(house: House, changes: dict[str, str]) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(portal.request()))["code"]

    refused = portal.redeems(code, **changes)

    assert refused.status_code == 400
    assert refused.get_json()["error"] == "invalid_grant"
    assert portal.redeems(code).status_code == 200


def test_code_of_another_client_is_refused_and_stays_good(house: House) -> None:
    portal, other, browser = add_portal(house), add_portal(house, "boyte"), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(portal.request()))["code"]

    stolen = other.redeems(code, redirect_uri=portal.redirect_uri)

    assert stolen.get_json()["error"] == "invalid_grant"
    assert portal.redeems(code).status_code == 200


def test_code_dies_after_a_minute(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(portal.request()))["code"]
    house.clock.forward(seconds=61)

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic ä", "Basic ####", "Basic /////w==", "Basic aGFub2k=", "Bearer x",
     "Basic aGFub2k6c2Fp", "Basic JWZmOiVmZg==", ""],
)  # fmt: skip
def test_hostile_client_authentication_is_invalid_client(house: House, authorization: str) -> None:
    add_portal(house)

    answer = house.app.test_client().post(
        "/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": authorization.encode().decode("latin-1")},
    )

    assert answer.status_code == 401
    assert answer.get_json()["error"] == "invalid_client"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"\xff\xfe", "application/x-www-form-urlencoded"), (b"{}", "application/json"),
     (b"a=1&a=2", "application/x-www-form-urlencoded"), (b"", ""), (b"grant_type=%ff", "x/y")],
)  # fmt: skip
def test_hostile_token_request_is_invalid_request(house: House, body: bytes, kind: str) -> None:
    answer = house.app.test_client().post("/token?grant_type=x", data=body, content_type=kind)

    assert answer.status_code in {400, 401}
    assert answer.is_json


def test_parameters_in_the_address_do_not_count(house: House) -> None:
    portal = add_portal(house, grant_types=["client_credentials"], redirect_uris=[])

    answer = house.app.test_client().post(
        "/token?grant_type=client_credentials",
        data={},
        auth=(portal.client_id, portal.secret),
        content_type="application/x-www-form-urlencoded",
    )

    assert answer.get_json()["error"] == "invalid_request"


def test_client_credentials_write_nothing(house: House) -> None:
    portal = add_portal(house, grant_types=["client_credentials"], redirect_uris=[])
    portal.token(grant_type="client_credentials")
    before = (house.database.counted.statements, house.database.counted.commits)

    answer = portal.token(grant_type="client_credentials", scope="profile")

    assert answer.get_json()["scope"] == "profile"
    assert (house.database.counted.statements, house.database.counted.commits) == before


def test_authorize_token_and_refresh_take_one_statement(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    counted = house.database.counted

    def cost() -> tuple[int, int]:
        return counted.statements, counted.commits

    steps = [cost()]
    code = answer_of(browser.visit(portal.request()))["code"]
    steps.append(cost())
    tokens = portal.redeems(code).get_json()
    steps.append(cost())
    portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    steps.append(cost())

    spent = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(steps)]
    assert spent == [(1, 0), (1, 1), (1, 1)]


def test_logout_asks_and_ends_everything(house: House) -> None:
    portal, browser = (
        add_portal(house, post_logout_redirect_uris=["https://hanoi.example.vn/"]),
        (house.browser()),
    )
    browser.registers()
    tokens = portal.redeems(answer_of(browser.signs_in_at(portal.request()))["code"]).get_json()
    path = (
        f"/logout?id_token_hint={tokens['id_token']}&state=x"
        "&post_logout_redirect_uri=https://hanoi.example.vn/"
    )

    page = browser.visit(path)
    assert "Đăng xuất tất cả" in page.text
    assert "Cổng hanoi" in page.text
    left = browser.send({"do": "all"})

    assert left.headers["Location"] == "https://hanoi.example.vn/?state=x&"[:-1]
    refresh = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refresh.status_code == 400
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert house.app.test_client().get("/userinfo", headers=headers).status_code == 401
    assert browser.get("/account").request.path.startswith("/login/")


def test_leaving_one_portal_keeps_the_session(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())

    browser.visit("/logout?client_id=hanoi")
    page = browser.send({"do": "one"})

    assert page.status_code == 200
    assert browser.get("/account").request.path == "/account"


def test_session_ends_after_half_an_hour_unused(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.signs_in()
    house.clock.now += timedelta(minutes=31)

    assert browser.get("/account").request.path.startswith("/login/")


def test_discovery_is_the_same_at_both_addresses(house: House) -> None:
    client = house.app.test_client()

    one, two = (
        client.get(f"/.well-known/{name}")
        for name in ("openid-configuration", "oauth-authorization-server")
    )

    assert one.data == two.data
    assert one.get_json()["issuer"] == "http://localhost:8000"
    assert one.headers["Access-Control-Allow-Origin"] == "*"


def test_signed_userinfo_is_a_token_for_the_client(house: House) -> None:
    portal = add_portal(house, userinfo_signed_response_alg="RS256")
    browser = house.browser()
    browser.registers()
    tokens = portal.redeems(answer_of(browser.signs_in_at(portal.request()))["code"]).get_json()

    answer = house.app.test_client().post(
        "/userinfo", data={"access_token": tokens["access_token"]}
    )

    assert answer.content_type == "application/jwt"
    claims = portal.claims(answer.text)
    assert (claims["aud"], claims["name"]) == ("hanoi", "Nguyễn Văn Hoà")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ä", "Bearer", "." * 9000])
def test_hostile_access_token_is_401(house: House, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}

    answer = house.app.test_client().get("/userinfo", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_access_token_is_dead_once_its_time_is_over(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    tokens = portal.redeems(answer_of(browser.signs_in_at(portal.request()))["code"]).get_json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    client = house.app.test_client()

    assert client.get("/userinfo", headers=headers).status_code == 200
    house.clock.forward(seconds=301)
    assert client.get("/userinfo", headers=headers).status_code == 401


def test_id_token_is_not_an_access_token(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    tokens = portal.redeems(answer_of(browser.signs_in_at(portal.request()))["code"]).get_json()

    answer = house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['id_token']}"}
    )

    assert answer.status_code == 401


def test_offline_access_outlives_the_session_and_nothing_else_does(house: House) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    offline = browser.signs_in_at(portal.request(scope="openid offline_access"))
    lasting = portal.redeems(answer_of(offline)["code"]).get_json()
    passing = portal.redeems(answer_of(browser.visit(portal.request(scope="openid")))["code"])
    house.clock.forward(hours=13)

    answers = [
        portal.token(grant_type="refresh_token", refresh_token=token).status_code
        for token in (lasting["refresh_token"], passing.get_json()["refresh_token"])
    ]

    assert answers == [200, 400]


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks"])
def test_short_way_and_ordinary_way_answer_the_same(house: House, path: str) -> None:
    client = house.app.test_client()

    short, ordinary = client.get(path), client.head(path)

    assert short.get_json()
    for name, value in ordinary.headers:
        if name != "X-Request-Id":
            assert short.headers[name] == value
    assert client.post(path).status_code == 405
