"""Headers, cookies, forged posts, client addresses, the way back."""

from __future__ import annotations

import hashlib
import re

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from idp.web import security
from idp.web.security import nearest_stranger, networks, origin_of, safe_path

from .samples import ISSUER, build_app

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action {}; require-trusted-types-for 'script'"
)
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def app() -> Flask:
    """Views for every case."""
    return with_views(build_app())


def with_views(app: Flask) -> Flask:
    @app.get("/form")
    def form() -> str:
        return str(security.csrf_field())

    @app.get("/to-portal")
    def to_portal() -> str:
        security.allow_form_target("https://portal.example:8443/cb?x=1")
        return "page"

    @app.post("/form")
    def change() -> str:
        return "changed"

    @app.post("/authorize")
    @security.cross_site
    def authorize() -> str:
        return "authorized"

    @app.post("/token")
    def token() -> str:
        return "token"

    @app.get("/sign-in")
    def sign_in() -> Response:
        response = Response("in")
        security.set_session_cookie(response, "id.secret")
        return response

    @app.get("/hash")
    def browser_hash() -> str:
        return security.browser_hash().hex()

    @app.get("/ip")
    def ip() -> str:
        return security.client_ip()

    @app.get("/cached")
    def cached() -> Response:
        return Response("{}", headers={"Cache-Control": "public, max-age=300"})

    return app


def csrf_of(client: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/form").text)
    assert found
    return found[1]


# --- headers ------------------------------------------------------------------------------------


def test_pages_have_the_strict_content_policy(client: FlaskClient) -> None:
    answer = client.get("/form")

    assert answer.headers["Content-Security-Policy"] == CSP.format("'self'")


def test_a_page_may_name_the_origin_its_journey_ends_at(client: FlaskClient) -> None:
    policy = client.get("/to-portal").headers["Content-Security-Policy"]

    assert policy == CSP.format("'self' https://portal.example:8443")
    assert client.get("/form").headers["Content-Security-Policy"] == CSP.format("'self'")


def test_every_answer_has_the_other_headers(client: FlaskClient) -> None:
    headers = client.get("/no-such-page").headers

    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_https_has_hsts_and_host_bound_cookies() -> None:
    client = with_views(build_app("https://id.example")).test_client()

    answer = client.get("/form", base_url="https://id.example")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-idp_browser=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_an_answer_may_set_its_own_caching(client: FlaskClient) -> None:
    assert client.get("/cached").headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    ("address", "caching"),
    [
        ("/static/css/pages.css?v=abc", IMMUTABLE),
        ("/static/css/pages.css", "no-cache"),
        ("/static/fonts/be-vietnam-pro-latin-400-normal.woff2", IMMUTABLE),
        ("/static/none.css?v=abc", "no-cache"),
    ],
)
def test_static_files_are_kept_when_asked_for_by_digest(
    client: FlaskClient, address: str, caching: str
) -> None:
    with client.get(address) as answer:
        assert answer.headers["Cache-Control"] == caching


# --- cookies ------------------------------------------------------------------------------------


def test_over_http_cookies_have_no_prefix(client: FlaskClient) -> None:
    cookie = client.get("/sign-in").headers["Set-Cookie"]

    assert cookie == "idp_session=id.secret; HttpOnly; Path=/; SameSite=Lax"


def test_a_browser_keeps_its_secret_and_only_its_digest_is_given_away(client: FlaskClient) -> None:
    first = client.get("/hash")
    secret = client.get_cookie("idp_browser")

    assert secret
    assert first.text == hashlib.sha256(secret.value.encode()).hexdigest()
    assert client.get("/hash").text == first.text


def test_a_short_secret_is_not_taken_from_a_browser(client: FlaskClient) -> None:
    client.set_cookie("idp_browser", "x")

    assert "idp_browser=" in client.get("/hash").headers["Set-Cookie"]


# --- forged posts -------------------------------------------------------------------------------


def test_a_post_of_our_own_page_is_taken(client: FlaskClient) -> None:
    answer = client.post("/form", data={"csrf": csrf_of(client)})

    assert answer.text == "changed"


@pytest.mark.parametrize("token", ["", "x" * 43, "é"])
def test_a_post_without_the_token_is_refused(client: FlaskClient, token: str) -> None:
    csrf_of(client)

    answer = client.post("/form", data={"csrf": token})

    assert answer.status_code == 403
    assert "IDP-1403" in answer.text


def test_a_token_of_another_browser_is_refused(app: Flask, client: FlaskClient) -> None:
    token = csrf_of(app.test_client())
    csrf_of(client)

    assert client.post("/form", data={"csrf": token}).status_code == 403


def test_a_token_without_its_cookie_is_refused(app: Flask, client: FlaskClient) -> None:
    token = csrf_of(client)

    assert app.test_client().post("/form", data={"csrf": token}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": ISSUER}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_post_must_come_from_our_own_origin(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    token = csrf_of(client)

    assert client.post("/form", data={"csrf": token}, headers=headers).status_code == status


def test_marked_views_and_program_addresses_take_foreign_posts(client: FlaskClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://portal.example"}

    assert client.post("/authorize", headers=foreign).text == "authorized"
    assert client.post("/token", headers=foreign).text == "token"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/token", True),
        ("/token/", True),
        ("/.well-known/openid-configuration", True),
        ("/oauth2/token", True),
        ("/tokenize", False),
        ("/", False),
        ("/login", False),
    ],
)
def test_addresses_of_programs(path: str, *, expected: bool) -> None:
    assert security.is_for_programs(path) is expected


# --- where from, where to -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "ip"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.1.1.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("10.1.1.1", "203.0.113.9, 10.2.2.2", "203.0.113.9"),
        ("10.1.1.1", "nonsense", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_client_ip_is_read_from_trusted_proxies_only(
    client: FlaskClient, peer: str, forwarded: str, ip: str
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    answer = client.get("/ip", headers=headers, environ_overrides={"REMOTE_ADDR": peer})

    assert answer.text == ip


def test_a_chain_of_proxies_only_ends_at_the_farthest() -> None:
    assert nearest_stranger(["10.0.0.1", "10.0.0.2"], networks(["10.0.0.0/8"])) == "10.0.0.2"


@pytest.mark.parametrize(
    "path", ["/", "/login/1?step=2", "/tài-khoản", "/lang/en?next=https://x.example"]
)
def test_paths_of_this_site_are_safe(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "login",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x",
        "/ /evil.example",
    ],
)
def test_everything_else_is_not(path: str | None) -> None:
    assert safe_path(path, "/home") == "/home"


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://a.example/cb?x#y", "https://a.example"),
        ("http://localhost:8201/cb", "http://localhost:8201"),
        ("http://[::1]:80/cb", "http://[::1]:80"),
        ("https://user:pw@a.example/cb", "https://a.example"),
        ("vn.example.app:/cb", "vn.example.app:"),
    ],
)
def test_origin_of_a_redirect_uri(uri: str, origin: str) -> None:
    assert origin_of(uri) == origin


def test_a_huge_form_is_refused(client: FlaskClient) -> None:
    csrf_of(client)

    answer = client.post("/form", data={"csrf": "x" * 100_000})

    assert answer.status_code == 413


def test_forged_headers_do_not_change_the_policy(app: Flask) -> None:
    with app.test_request_context("/", headers={"Host": "evil.example"}):
        assert request.host == "evil.example"
        assert security.policy().origin == ISSUER
