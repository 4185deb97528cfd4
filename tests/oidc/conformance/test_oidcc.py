"""The modules of the OpenID Connect plans that have no test elsewhere (docs/conformance.md).

Basic, dynamic, form post and third-party initiated login: each test has its module's name.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.oidc.conformance.suite import Suite
from tests.support.house import Browser, answer_of
from tests.support.portal_kit import ISSUER, Program, later, posted_fields, signed
from tests.support.portals import read


@pytest.fixture(scope="module")
def browser(suite: Suite) -> Browser:
    """A person's browser that keeps its session."""
    return suite.browser()


# --- basic ----------------------------------------------------------------------------------------


def test_oidcc_server(suite: Suite, browser: Browser) -> None:
    rp = suite.client()
    code = suite.code(browser, rp, scope="openid")

    tokens = rp.redeems(code).get_json()

    claims = rp.claims(tokens["id_token"])
    assert len(code) >= 22
    assert tokens["token_type"] == "Bearer"
    assert claims["nonce"] == "n-1"
    assert not {"name", "email", "phone_number"} & set(claims)
    assert suite.userinfo(tokens["access_token"]).get_json()["sub"] == claims["sub"]


@pytest.mark.parametrize("alg", ["none", "HS256", "ES512"])
def test_oidcc_idtoken_unsigned(suite: Suite, alg: str) -> None:
    """Skipped by the suite where none is not announced; here it cannot even be registered."""
    answer = suite.registers(id_token_signed_response_alg=alg)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


def test_oidcc_idtoken_signature(suite: Suite, browser: Browser) -> None:
    header, _ = read(suite.house, suite.tokens(browser, suite.client())["id_token"])

    assert header["alg"] == "RS256"
    assert header["kid"]


def test_oidcc_scope_all(suite: Suite, browser: Browser) -> None:
    """The suite warns of given_name and its like: no register of ours tells the parts of a name."""
    tokens = suite.tokens(browser, suite.client(), scope="openid profile email phone address")

    found = suite.userinfo(tokens["access_token"]).get_json()

    assert {"sub", "name", "birthdate", "gender", "locale", "updated_at"} <= set(found)
    assert {"email", "email_verified", "phone_number", "phone_number_verified"} <= set(found)


def test_oidcc_alternate_happy_flow(suite: Suite, browser: Browser) -> None:
    rp = suite.client()
    path, _, query = rp.request(scope="email profile openid").partition("?")

    page = suite.signs_in(browser, f"{path}?{'&'.join(reversed(query.split('&')))}")

    assert rp.redeems(answer_of(page)["code"]).status_code == 200


@pytest.mark.parametrize("display", ["page", "popup"])
def test_oidcc_display_page(suite: Suite, display: str) -> None:
    page = suite.browser().visit(suite.client().request(display=display))

    assert page.status_code == 200
    assert page.request.path.startswith("/login/")


def test_oidcc_prompt_login(suite: Suite, browser: Browser) -> None:
    rp = suite.client()
    first = rp.claims(suite.tokens(browser, rp)["id_token"])

    suite.house.clock.forward(seconds=1)

    page = browser.visit(rp.request(scope="openid", prompt="login"))
    assert page.request.path.startswith("/login/")
    second = rp.claims(suite.tokens(browser, rp, prompt="login")["id_token"])

    assert second["sub"] == first["sub"]
    assert second["auth_time"] > first["auth_time"]


def test_oidcc_prompt_none_not_logged_in(suite: Suite) -> None:
    rp = suite.client()

    answer = answer_of(suite.browser().visit(rp.request(prompt="none")))

    assert answer["error"] in {"login_required", "interaction_required"}
    assert set(answer) == {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize("changes", [{}, {"max_age": "10000"}])
def test_oidcc_prompt_none_logged_in(
    suite: Suite, browser: Browser, changes: dict[str, str]
) -> None:
    """Also oidcc-max-age-10000."""
    rp = suite.client()
    first = rp.claims(suite.tokens(browser, rp, max_age="15000")["id_token"])

    second = rp.claims(suite.tokens(browser, rp, prompt="none", **changes)["id_token"])

    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


def test_oidcc_max_age_1(suite: Suite, browser: Browser) -> None:
    rp = suite.client()
    first = rp.claims(suite.tokens(browser, rp)["id_token"])
    suite.house.clock.forward(seconds=2)

    page = browser.visit(rp.request(scope="openid", max_age="1"))
    assert page.request.path.startswith("/login/")
    second = rp.claims(suite.tokens(browser, rp, max_age="1")["id_token"])

    assert second["auth_time"] > first["auth_time"]


def test_oidcc_id_token_hint(suite: Suite, browser: Browser) -> None:
    rp = suite.client()
    first = suite.tokens(browser, rp)["id_token"]

    second = suite.tokens(browser, rp, prompt="none", id_token_hint=first)["id_token"]

    before, after = rp.claims(first), rp.claims(second)
    assert (before["sub"], before["auth_time"]) == (after["sub"], after["auth_time"])


def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite, browser: Browser) -> None:
    announced = suite.house.app.test_client().get("/.well-known/openid-configuration").get_json()
    rp = suite.client()

    asked = " ".join(announced["acr_values_supported"])
    claims = rp.claims(suite.tokens(browser, rp, acr_values=asked)["id_token"])

    assert claims["acr"] in asked.split()


@pytest.mark.parametrize("seconds", [0, 30])
def test_oidcc_codereuse_30seconds(suite: Suite, browser: Browser, seconds: int) -> None:
    rp = suite.client()
    code = suite.code(browser, rp)
    token = rp.redeems(code).get_json()["access_token"]

    with later(suite.house, seconds=seconds):
        again = rp.redeems(code)

        assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
        assert suite.userinfo(token).status_code == 401


def test_oidcc_server_client_secret_post(suite: Suite, browser: Browser) -> None:
    rp = suite.client(token_endpoint_auth_method="client_secret_post")
    form = {
        "grant_type": "authorization_code",
        "code": suite.code(browser, rp),
        "redirect_uri": rp.redirect_uri,
        "code_verifier": rp.verifier,
        "client_id": rp.client_id,
        "client_secret": rp.secret,
    }

    answer = suite.house.app.test_client().post("/token", data=form)

    assert answer.status_code == 200


def test_oidcc_claims_essential(suite: Suite, browser: Browser) -> None:
    wanted = json.dumps({"userinfo": {"name": {"essential": True}}})
    rp = suite.client()
    tokens = suite.tokens(browser, rp, claims=wanted)

    assert suite.userinfo(tokens["access_token"]).get_json()["name"] == "Nguyễn Văn Hoà"
    assert "name" not in rp.claims(tokens["id_token"])


def unsigned(**claims: Any) -> str:
    return signed(b"", {"alg": "none"}, json.dumps(claims).encode()).rpartition(".")[0] + "."


def test_oidcc_unsigned_request_object(suite: Suite, browser: Browser) -> None:
    """Both modules about them are skipped by the suite, since none is not announced."""
    announced = suite.house.app.test_client().get("/.well-known/openid-configuration").get_json()
    rp = suite.client()

    page = browser.visit(rp.request(request=unsigned(client_id=rp.client_id)))

    assert "none" not in announced["request_object_signing_alg_values_supported"]
    # Nobody let this client in: the person is offered the way back (RFC 9700, 4.11.2).
    assert (page.status_code, "error=invalid_request_object" in page.text) == (400, True)


def test_oidcc_ensure_request_object_with_redirect_uri(suite: Suite, browser: Browser) -> None:
    """The address outside is wrong, the one inside is right, and the object is not signed."""
    rp = suite.client()
    inside = unsigned(client_id=rp.client_id, redirect_uri=rp.redirect_uri, response_type="code")

    page = browser.visit(rp.request(request=inside, redirect_uri=f"{rp.redirect_uri}x"))

    assert page.status_code == 400
    assert "Location" not in page.headers


def test_oidcc_refresh_token(suite: Suite, browser: Browser) -> None:
    one, two = suite.client(), suite.client()
    asked: dict[str, str | None] = {"scope": "openid offline_access", "prompt": "consent"}
    first, other = (suite.tokens(browser, rp, **asked) for rp in (one, two))

    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    fresh = one.token(**form).get_json()
    form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    stolen = one.token(**form)

    before, after = (one.claims(each["id_token"]) for each in (first, fresh))
    assert (stolen.status_code, stolen.get_json()["error"]) == (400, "invalid_grant")
    assert fresh["access_token"] != first["access_token"]
    for name in ("iss", "sub", "aud", "azp", "auth_time"):
        assert before[name] == after[name]
    assert suite.userinfo(fresh["access_token"]).status_code == 200


def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite: Suite, browser: Browser) -> None:
    rp = suite.client()

    assert rp.redeems(suite.code(browser, rp)).status_code == 200


# --- form post ------------------------------------------------------------------------------------


def test_oidcc_server_with_form_post(suite: Suite, browser: Browser) -> None:
    rp = suite.client()

    page = suite.signs_in(browser, rp.request(scope="openid", response_mode="form_post"))

    fields = posted_fields(page)
    assert page.status_code == 200
    assert f'<form method="post" action="{rp.redirect_uri}"' in page.text
    assert (fields["state"], fields["iss"]) == ("s t/ä", ISSUER)
    assert rp.redeems(fields["code"]).status_code == 200


def test_oidcc_prompt_none_not_logged_in_with_form_post(suite: Suite) -> None:
    request = suite.client().request(prompt="none", response_mode="form_post")

    fields = posted_fields(suite.browser().visit(request))

    assert (fields["error"], fields["state"]) == ("login_required", "s t/ä")


# --- dynamic --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id_token", "userinfo"])
def test_oidcc_idtoken_rs256_and_userinfo_rs256(suite: Suite, browser: Browser, name: str) -> None:
    rp = suite.client(**{f"{name}_signed_response_alg": "RS256"})
    tokens = suite.tokens(browser, rp)
    userinfo = suite.userinfo(tokens["access_token"])

    signed_text = tokens["id_token"] if name == "id_token" else userinfo.text
    header, claims = read(suite.house, signed_text)

    assert header["alg"] == "RS256"
    assert (claims["iss"], claims["aud"]) == (ISSUER, rp.client_id)


def test_oidcc_ensure_redirect_uri_in_authorization_request(suite: Suite) -> None:
    """The suite's second address is at another host, and it asks for no kind of subject."""
    uris = ["https://two.example.vn/a", "https://example.org/redirect"]
    rp = suite.client(redirect_uris=uris)

    page = suite.browser().visit(rp.request(redirect_uri=None))

    assert page.status_code == 400
    assert "redirect_uri" in page.text or "địa chỉ" in page.text


def test_oidcc_redirect_uri_query_ok(suite: Suite, browser: Browser) -> None:
    uri = "https://query.example.vn/callback?foo=bar"
    rp = suite.client(redirect_uris=[uri])

    page = suite.signs_in(browser, rp.request(scope="openid"))

    assert page.headers["Location"].startswith(f"{uri}&code=")


@pytest.mark.parametrize("uri", ["https://q.example.vn/c?foo=bar", "https://q.example.vn/c"])
@pytest.mark.parametrize("asked", ["?foo=baz", "?foo=bar&x=y", "?", "?bar=foo"])
def test_oidcc_redirect_uri_query_mismatch_and_added(suite: Suite, uri: str, asked: str) -> None:
    rp = suite.client(redirect_uris=[uri])

    page = suite.browser().visit(rp.request(redirect_uri=uri.partition("?")[0] + asked))

    assert page.status_code == 400
    assert "Location" not in page.headers


def test_oidcc_redirect_uri_regfrag(suite: Suite) -> None:
    answer = suite.registers(redirect_uris=["https://rp.example.vn/callback#fragment"])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("logo_uri", '<img class="logo" src="https://rp.example.vn/shown"'),
        ("policy_uri", 'href="https://rp.example.vn/shown"'),
        ("tos_uri", 'href="https://rp.example.vn/shown"'),
    ],
)
def test_oidcc_registration_logo_policy_and_tos_uri(suite: Suite, name: str, shown: str) -> None:
    rp = suite.client(**{name: "https://rp.example.vn/shown"})

    page = suite.browser().visit(rp.request())

    assert page.request.path.startswith("/login/")
    assert shown in page.text
    images = "img-src 'self' data: https://rp.example.vn;"
    assert (images in page.headers["Content-Security-Policy"]) is (name == "logo_uri")


def publish(suite: Suite, url: str, *keys: Any) -> str:
    found = {"keys": [key.as_dict(private=False) for key in keys]}
    suite.documents.pages[url] = json.dumps(found).encode()
    return url


def by_assertion(suite: Suite, jwks_uri: str, key: ECKey) -> Program:
    rp = suite.client(token_endpoint_auth_method="private_key_jwt", jwks_uri=jwks_uri)
    return Program(suite.house, rp.client_id, rp.redirect_uri, key)


@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/token", [ISSUER]])
def test_oidcc_registration_jwks_uri(suite: Suite, browser: Browser, audience: object) -> None:
    """Also oidcc-ensure-client-assertion-with-iss-aud-succeeds."""
    key = ECKey.generate_key("P-256", {"kid": "one"})
    url = publish(suite, f"https://keys.example.vn/{suite.made}", key)
    program = by_assertion(suite, url, key)
    page = suite.signs_in(browser, program.plain_request())

    form = {
        "grant_type": "authorization_code",
        "code": answer_of(page)["code"],
        "redirect_uri": program.redirect_uri,
        "code_verifier": "v" * 64,
    }
    answer = program.post("/token", assertion=program.assertion(aud=audience), **form)

    assert answer.status_code == 200


def test_oidcc_refresh_token_rp_key_rotation(
    suite: Suite, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ECKey.generate_key("P-256", {"kid": "old"})
    new = ECKey.generate_key("P-256", {"kid": "new"})
    url = publish(suite, "https://keys.example.vn/rotating", old)
    program = by_assertion(suite, url, old)
    page = suite.signs_in(browser, program.plain_request(scope="openid offline_access"))
    form = {
        "grant_type": "authorization_code",
        "code": answer_of(page)["code"],
        "redirect_uri": program.redirect_uri,
        "code_verifier": "v" * 64,
    }
    kid = {"kid": "old"}
    tokens = program.post("/token", assertion=program.assertion(header=kid), **form).get_json()
    publish(suite, url, new)
    monkeypatch.setattr("idp.oidc.client_keys._PAUSE_SECONDS", 0.0)

    program.key = new
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = program.post("/token", assertion=program.assertion(header={"kid": "new"}), **form)

    assert answer.status_code == 200


def test_oidcc_request_uri_signed_rs256(suite: Suite, browser: Browser) -> None:
    key = RSAKey.generate_key(2048)
    uri = "https://rp.example.vn/request.jwt#GkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM"
    rp = suite.client(
        jwks={"keys": [key.as_dict(private=False)]},
        request_uris=[uri],
        request_object_signing_alg="RS256",
    )
    inside = {
        "iss": rp.client_id,
        "aud": ISSUER,
        "client_id": rp.client_id,
        "response_type": "code",
        "redirect_uri": rp.redirect_uri,
        "scope": "openid",
        "state": "inside",
        "nonce": "inside",
    }
    token = signed(key, {"alg": "RS256"}, json.dumps(inside).encode(), "RS256")
    suite.documents.pages[uri.partition("#")[0]] = token.encode()
    asked = rp.request(request_uri=uri, scope="openid", state=None, nonce=None)

    answer = answer_of(suite.signs_in(browser, asked))

    assert answer["state"] == "inside"
    claims = rp.claims(rp.redeems(answer["code"]).get_json()["id_token"])
    assert claims["nonce"] == "inside"


@pytest.mark.parametrize(
    ("listed", "status"), [("https://sector.example.vn/cb", 201), ("https://other.vn/", 400)]
)
def test_oidcc_registration_sector_uri_and_sector_bad(
    suite: Suite, listed: str, status: int
) -> None:
    url = "https://sector.example.vn/uris.json"
    suite.documents.pages[url] = json.dumps([listed]).encode()

    answer = suite.registers(
        subject_type="pairwise",
        sector_identifier_uri=url,
        redirect_uris=["https://sector.example.vn/cb"],
    )

    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.get_json()["error"] == "invalid_client_metadata"


# --- logout and third-party initiated login -------------------------------------------------------


def test_oidcc_rp_initiated_logout(suite: Suite) -> None:
    browser, back = suite.browser(), "https://rp.example.vn/bye"
    rp = suite.client(post_logout_redirect_uris=[back])
    hint = suite.tokens(browser, rp)["id_token"]

    browser.visit(f"/logout?id_token_hint={hint}&post_logout_redirect_uri={back}&state=xyz")
    left = browser.send({"do": "all"})
    silent = answer_of(browser.visit(rp.request(prompt="none")))

    assert left.headers["Location"] == f"{back}?state=xyz"
    assert silent["error"] == "login_required"


def test_oidcc_3rd_party_init_login(suite: Suite) -> None:
    uri = "https://rp.example.vn/start"
    made = suite.registers(initiate_login_uri=uri).get_json()

    path = made["registration_client_uri"].removeprefix(ISSUER)
    headers = {"Authorization": f"Bearer {made['registration_access_token']}"}
    found = suite.house.app.test_client().get(path, headers=headers).get_json()

    assert made["initiate_login_uri"] == found["initiate_login_uri"] == uri


def test_oidcc_3rd_party_init_login_nohttps(suite: Suite) -> None:
    answer = suite.registers(initiate_login_uri="http://rp.example.vn/start")

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")
