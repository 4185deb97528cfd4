"""What is done to a request on its way: Host, forwarded headers, paths, bodies; and what each
answer says to browsers (RFC 9110, 9112; OWASP ASVS 5.0, chapters 3 and 4)."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote

import pytest
from werkzeug.test import Client, TestResponse, create_environ

from tests.support.house import House, PortalClient, answer_of
from tests.support.portal_kit import ISSUER, Visitor

EVIL = "evil.example"
SPOOFED = {
    "Host": {"Host": EVIL},
    "Host with a port": {"Host": f"{EVIL}:8000"},
    "Host with an at sign": {"Host": f"localhost:8000@{EVIL}"},
    "Host with a path": {"Host": f"{EVIL}/x"},
    "X-Forwarded-Host": {"X-Forwarded-Host": EVIL},
    "X-Forwarded-Proto": {"X-Forwarded-Proto": "https"},
    "X-Forwarded-Prefix": {"X-Forwarded-Prefix": f"//{EVIL}"},
    "X-Forwarded-Server": {"X-Forwarded-Server": EVIL},
    "X-Original-URL": {"X-Original-URL": "/account"},
    "X-Rewrite-URL": {"X-Rewrite-URL": "/account"},
    "X-Host": {"X-Host": EVIL},
    "Forwarded": {"Forwarded": f"host={EVIL};proto=https"},
}
PLACES = ["/", "/login", "/forgot", "/register", "/device", "/.well-known/openid-configuration"]


@pytest.mark.parametrize("how", SPOOFED)
def test_no_header_changes_an_address_of_ours(target: House, how: str) -> None:
    client = target.app.test_client()
    for place in PLACES:
        page = client.get(place, headers=SPOOFED[how], follow_redirects=False)
        if page.status_code in {301, 302, 303, 307, 308}:
            assert page.headers["Location"].startswith("/")
        assert EVIL not in page.text
        assert EVIL not in str(page.headers)

    found = client.get("/.well-known/openid-configuration", headers=SPOOFED[how])
    assert found.status_code != 200 or found.get_json()["issuer"] == ISSUER


@pytest.mark.parametrize("how", SPOOFED)
def test_no_header_changes_the_issuer_in_an_answer(
    target: House, victim: Visitor, portal: PortalClient, how: str
) -> None:
    cookie = victim.client.get_cookie("idp_session")
    assert cookie
    client = target.app.test_client(use_cookies=False)
    headers = {**SPOOFED[how], "Cookie": f"idp_session={cookie.value}"}

    page = client.get(portal.request(scope="openid"), headers=headers)

    assert page.status_code == 400 or answer_of(page)["iss"] == ISSUER


# --- the address --------------------------------------------------------------------------------

CONFUSED = [
    "//evil.example",
    "//evil.example/..",
    "/\\evil.example",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/.//evil.example",
    "///evil.example/account",
    "//account",
    "/account//",
    "/account/",
    "/account%2f",
    "/account%00",
    "/account;jsessionid=1",
    "/account/..;/operator",
    "/./account",
    "/x/../account",
    "/.well-known/../account/close",
    "/jwks/../account/close",
    "/token/../account/close",
    "/static/../config.toml",
    "/static/%2e%2e/%2e%2e/config.toml",
    "/static/..%5c..%5cconfig.toml",
    "/static//etc/passwd",
    "/tool/../../config.toml",
    "/start/https://evil.example",
    "/start/..%2f..%2flogin",
    "/device/done/https://evil.example",
    "/lang/vi?next=//evil.example",
    "/lang/vi?next=https://evil.example",
    "/lang/vi?next=/%5cevil.example",
    "/lang/vi?next=/%09/evil.example",
    "/lang/vi?next=/%0a/evil.example",
    "/lang/vi?next=javascript:alert(1)",
    "/lang/vi?next=%2f%2fevil.example",
    "/lang/vi?next=/x%0d%0aSet-Cookie:a=b",
    "/lang/../vi",
    "/login?back=https://evil.example",
    "/login?next=//evil.example",
    "/login?level=3&back=//evil.example",
]


@pytest.mark.parametrize("path", CONFUSED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_strange_path_leads_nowhere_else(target: House, path: str, method: str) -> None:
    plain, _, query = path.partition("?")
    raw = {"PATH_INFO": unquote(plain, "latin-1"), "QUERY_STRING": query, "HTTP_HOST": EVIL}

    page = target.app.test_client().open("/", method=method, environ_overrides=raw)

    assert page.status_code < 500
    location = page.headers.get("Location", "/")
    is_ours = location.startswith("/") and not location.startswith(("//", "/\\"))
    assert is_ours, location
    assert "[server]" not in page.text
    assert "root:" not in page.text


# --- header injection ---------------------------------------------------------------------------

SPLIT = "x\r\nSet-Cookie: evil=1\r\n\r\n<script>"


@pytest.mark.parametrize("name", ["state", "nonce", "ui_locales", "login_hint", "claims_locales"])
def test_a_line_break_in_a_parameter_stays_a_value(
    victim: Visitor, portal: PortalClient, name: str
) -> None:
    page = victim.client.get(portal.request(scope="openid", **{name: SPLIT}))

    assert "evil" not in page.headers.get("Set-Cookie", "")
    assert not any("\n" in value or "\r" in value for _, value in page.headers)
    assert name != "state" or answer_of(page)["state"] == SPLIT


@pytest.mark.parametrize("mode", ["query", "form_post", "jwt", "form_post.jwt", "query.jwt"])
def test_state_is_data_in_every_response_mode(
    victim: Visitor, portal: PortalClient, mode: str
) -> None:
    state = "\"><script>alert(1)</script>' \r\n"

    page = victim.client.get(portal.request(scope="openid", response_mode=mode, state=state))

    assert "<script>alert" not in page.text
    assert "\n" not in page.headers.get("Location", "")


# --- bodies and framing -------------------------------------------------------------------------


def sends(house: House, path: str, body: bytes, **environ: Any) -> TestResponse:
    """A request whose WSGI environment says what it likes."""
    base = create_environ(path, method="POST", input_stream=io.BytesIO(body))
    base["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    base["CONTENT_LENGTH"] = str(len(body))
    base.update(environ)
    return Client(house.app, TestResponse).open(environ_overrides=base, path=path, method="POST")


FRAMED = {
    "two lengths": {"CONTENT_LENGTH": "5, 6"},
    "a negative length": {"CONTENT_LENGTH": "-1"},
    "a signed length": {"CONTENT_LENGTH": "+5"},
    "a length in another alphabet": {"CONTENT_LENGTH": "٥"},
    "a length in hex": {"CONTENT_LENGTH": "0x5"},
    "a fraction": {"CONTENT_LENGTH": "5.0"},
    "a huge length": {"CONTENT_LENGTH": "9" * 30},
    "a length with spaces": {"CONTENT_LENGTH": " 5 "},
    "a length and chunks": {"HTTP_TRANSFER_ENCODING": "chunked"},
    "an unknown encoding": {"HTTP_TRANSFER_ENCODING": "xchunked"},
    "two encodings": {"HTTP_TRANSFER_ENCODING": "chunked, identity"},
    "an empty length": {"CONTENT_LENGTH": ""},
}


@pytest.mark.parametrize("how", FRAMED)
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/userinfo", "/par"])
def test_a_body_of_unclear_length_is_no_request(target: House, path: str, how: str) -> None:
    answer = sends(target, path, b"grant_type=client_credentials", **FRAMED[how])

    assert 400 <= answer.status_code < 500


TYPES = [
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded-evil",
    "application/xml",
    "",
]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "path", ["/token", "/introspect", "/revoke", "/par", "/device_authorization", "/bc-authorize"]
)
def test_a_body_of_another_type_is_no_form(target: House, path: str, kind: str) -> None:
    answer = target.app.test_client().post(
        path, data=b"client_id=hanoi&grant_type=client_credentials", content_type=kind
    )

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


BODIES = {
    "bytes that are no text": b"client_id=\xff\xfe",
    "escapes that are no text": b"client_id=%ff%fe",
    "a lone surrogate": b"client_id=%ed%a0%80",
    "a zero byte": b"client_id=hanoi%00&client_secret=x",
    "an overlong letter": b"client_id=%c0%af",
    "a percent sign": b"client_id=%&client_secret=%zz",
    "many parameters": b"&".join(b"a%d=1" % number for number in range(200)),
    "a very long value": b"client_id=" + b"a" * 60000,
    "a very long name": b"a" * 60000 + b"=1",
    "only ampersands": b"&" * 5000,
    "a bracketed name": b"client_id[]=hanoi&client_id[0]=x",
    "too much": b"a" * 70000,
    "nothing": b"",
}


@pytest.mark.parametrize("how", BODIES)
@pytest.mark.parametrize(
    "path", ["/token", "/introspect", "/revoke", "/par", "/device_authorization", "/bc-authorize"]
)
def test_a_hostile_body_is_a_4xx(target: House, path: str, how: str) -> None:
    answer = target.app.test_client().post(
        path, data=BODIES[how], content_type="application/x-www-form-urlencoded"
    )

    assert 400 <= answer.status_code < 500
    assert answer.content_type.startswith("application/json")


# --- what browsers are told ---------------------------------------------------------------------

SHOWN = [
    "/",
    "/register",
    "/complaint/status",
    "/device",
    "/terms",
    "/privacy",
    "/tool",
    "/nowhere",
]
OWN = [
    "/account", "/account/methods", "/account/sessions", "/account/history", "/account/portals",
    "/account/protection", "/account/level", "/account/data", "/account/approvals",
    "/account/history.csv", "/account/representatives",
]  # fmt: skip


@pytest.mark.parametrize("path", SHOWN + OWN)
def test_no_page_is_framed_sniffed_scripted_or_kept(victim: Visitor, path: str) -> None:
    page = victim.client.get(path, follow_redirects=True)

    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in page.headers
    assert page.headers["Server"] == "idp"


@pytest.mark.parametrize("path", OWN)
def test_no_page_of_a_person_is_read_by_another_origin(victim: Visitor, path: str) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}

    answers = [victim.client.open(path, method=method, headers=headers) for method in
               ("GET", "OPTIONS")]  # fmt: skip

    assert not any("Access-Control-Allow-Origin" in each.headers for each in answers)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://hanoi.example.vn"])
@pytest.mark.parametrize("path", ["/token", "/userinfo", "/introspect", "/authorize", "/revoke"])
def test_no_other_origin_reads_an_answer_with_credentials(
    target: House, path: str, origin: str
) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    for method in ("GET", "POST", "OPTIONS"):
        answer = target.app.test_client().open(path, method=method, headers=headers)
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers.get("Access-Control-Allow-Origin") != "null"


@pytest.mark.parametrize("path", OWN)
def test_without_a_session_there_is_nothing_to_see(target: House, path: str) -> None:
    page = target.app.test_client().get(path)

    assert page.status_code == 303
    assert page.headers["Location"].startswith("/login/")
