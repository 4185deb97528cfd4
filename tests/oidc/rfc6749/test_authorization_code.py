"""The OAuth 2.0 framework (RFC 6749): authorization endpoint, code, and what a client is told."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor

VSCHAR = re.compile(r"[\x20-\x7e]+")
"""Appendix A: what codes, tokens and states are made of."""
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("code")
    return add_portal(shared, "code")


@pytest.fixture(scope="module")
def other(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("another")
    return add_portal(shared, "another")


def code_of(portal: PortalClient, visitor: Visitor, **changes: str | None) -> str:
    return answer_of(visitor.client.get(portal.request(**changes)))["code"]


# --- 3.1: the authorization endpoint --------------------------------------------------------------


def test_rfc6749_3_1_get_and_post_are_answered(portal: PortalClient, visitor: Visitor) -> None:
    path = portal.request()
    query, form = urlsplit(path).query, "application/x-www-form-urlencoded"
    posted = visitor.client.post("/authorize", data=query, content_type=form)

    assert "code" in answer_of(visitor.client.get(path))
    assert posted.headers["Location"].startswith("/authorize?")  # where its cookies are sent
    assert "code" in answer_of(visitor.client.get(posted.headers["Location"]))


@pytest.mark.parametrize("name", ["x", "extra", "client_secret", "iss", "code", "X" * 200, "ö"])
def test_rfc6749_3_1_unknown_parameters_are_ignored(
    portal: PortalClient, visitor: Visitor, name: str
) -> None:
    assert "code" in answer_of(visitor.client.get(portal.request(**{name: "foobar"})))


@pytest.mark.parametrize(
    "name", ["nonce", "max_age", "prompt", "acr_values", "claims", "login_hint", "display",
             "ui_locales", "response_mode", "request", "request_uri", "resource", "dpop_jkt"],
)  # fmt: skip
def test_rfc6749_3_1_a_parameter_without_a_value_is_as_if_it_were_not_there(
    portal: PortalClient, visitor: Visitor, name: str
) -> None:
    assert "code" in answer_of(visitor.client.get(portal.request(**{name: ""})))


@pytest.mark.parametrize(
    "name", ["response_type", "scope", "nonce", "state", "code_challenge", "max_age", "prompt"]
)
def test_rfc6749_3_1_a_parameter_comes_once(
    portal: PortalClient, visitor: Visitor, name: str
) -> None:
    twice = f"{portal.request(max_age='99', prompt='none')}&{name}=1"

    assert answer_of(visitor.client.get(twice))["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_rfc6749_3_1_2_4_a_repeated_client_or_address_is_never_redirected(
    portal: PortalClient, visitor: Visitor, name: str
) -> None:
    value = {"client_id": portal.client_id, "redirect_uri": portal.redirect_uri}[name]

    answer = visitor.client.get(f"{portal.request()}&{urlencode({name: value})}")

    assert answer.status_code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("response_type", "error"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("token", "unsupported_response_type"),
        ("id_token", "unsupported_response_type"),
        ("code token", "unsupported_response_type"),
        ("code id_token", "unsupported_response_type"),
        ("none", "unsupported_response_type"),
        ("CODE", "unsupported_response_type"),
        ("code code", "unsupported_response_type"),
        ("cødé", "unsupported_response_type"),
        ('code"', "unsupported_response_type"),
    ],
)
def test_rfc6749_3_1_1_only_the_code_flow_is_answered(
    portal: PortalClient, visitor: Visitor, response_type: str | None, error: str
) -> None:
    answer = answer_of(visitor.client.get(portal.request(response_type=response_type)))

    assert answer["error"] == error
    assert not {"code", "access_token", "id_token"} & set(answer)


WRONG_ADDRESSES = [
    "https://code.example.vn/callback/", "https://code.example.vn/Callback",
    "https://code.example.vn/callback?x=1", "https://code.example.vn/callback#x",
    "https://code.example.vn:443/callback", "https://CODE.example.vn/callback",
    "http://code.example.vn/callback", "https://code.example.vn/callback%2f",
    "https://code.example.vn/x/../callback", "https://code.example.vn@evil.example/callback",
    "https://code.example.vn.evil.example/callback", "//code.example.vn/callback",
    "https://code.example.vn/callback\n", " https://code.example.vn/callback",
    "javascript:alert(1)", "data:text/html,x", "/callback", "x", "https://", "https://é.vn/",
    "https://code.example.vn\\@evil.example/callback", "https://code.example.vn/callback\0",
]  # fmt: skip


@pytest.mark.parametrize("uri", [None, "", *WRONG_ADDRESSES])
def test_rfc6749_3_1_2_4_an_unregistered_address_is_shown_and_never_redirected_to(
    portal: PortalClient, visitor: Visitor, uri: str | None
) -> None:
    answer = visitor.client.get(portal.request(redirect_uri=uri))

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.content_type.startswith("text/html")


def test_rfc6749_3_1_2_a_registered_query_is_kept(shared: House, visitor: Visitor) -> None:
    uri = "https://query.example.vn/cb?a=1&b=%20+%2F&c"
    visitor.agrees("query")
    portal = add_portal(shared, "query", redirect_uris=[uri])

    answer = visitor.client.get(portal.request(redirect_uri=uri)).headers["Location"]

    assert answer.startswith(f"{uri}&code=")


def test_rfc6749_4_1_2_1_a_client_without_the_code_grant_is_unauthorized(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("batch")
    portal = add_portal(shared, "batch", grant_types=["client_credentials"])

    answer = answer_of(visitor.client.get(portal.request()))

    assert answer["error"] == "unauthorized_client"
    assert "code" not in answer


@pytest.mark.parametrize("state", ["a", "a b", "ä/+&=%", "x" * 4000, '"<script>', "1;2\\3", "日本"])
def test_rfc6749_4_1_2_state_comes_back_exactly(
    portal: PortalClient, visitor: Visitor, state: str
) -> None:
    good = answer_of(visitor.client.get(portal.request(state=state)))
    bad = answer_of(visitor.client.get(portal.request(state=state, scope="x")))

    assert (good["state"], bad["state"]) == (state, state)


@pytest.mark.parametrize("changes", [{}, {"scope": "x"}])
def test_rfc6749_4_1_2_without_state_none_comes_back(
    portal: PortalClient, visitor: Visitor, changes: dict[str, str]
) -> None:
    assert "state" not in answer_of(visitor.client.get(portal.request(state=None, **changes)))


@pytest.mark.parametrize(
    "changes",
    [{"scope": "é"}, {"response_type": 'x"\\'}, {"prompt": "é"}, {"max_age": "\x7f"},
     {"claims": '{"\u1ec7"'}, {"code_challenge": '"'}, {"response_mode": "\\"}],
    ids=str,
)  # fmt: skip
def test_rfc6749_4_1_2_1_a_description_never_echoes_what_was_sent(
    portal: PortalClient, visitor: Visitor, changes: dict[str, str]
) -> None:
    answer = answer_of(visitor.client.get(portal.request(**changes)))

    assert DESCRIPTION.fullmatch(answer["error_description"])
    assert not set(changes.values()) & set(answer.values())


# --- 3.3: scope -----------------------------------------------------------------------------------


def test_rfc6749_3_3_the_order_of_scopes_does_not_matter(
    portal: PortalClient, visitor: Visitor
) -> None:
    scopes = [
        portal.redeems(code_of(portal, visitor, scope=text)).get_json()["scope"]
        for text in ("openid profile email", "email profile openid", "email openid email profile")
    ]

    assert len(set(scopes)) == 1


def test_rfc6749_3_3_what_was_granted_is_told_where_it_differs(
    portal: PortalClient, visitor: Visitor
) -> None:
    asked = "openid profile ssf.manage organization unknown"

    answer = portal.redeems(code_of(portal, visitor, scope=asked)).get_json()

    assert answer["scope"] == "openid profile"


@pytest.mark.parametrize("scope", [None, "", " ", "profile", "Openid", "openid2", "open id"])
def test_rfc6749_3_3_without_a_default_a_request_without_openid_is_invalid_scope(
    portal: PortalClient, visitor: Visitor, scope: str | None
) -> None:
    answer = answer_of(visitor.client.get(portal.request(scope=scope)))

    assert answer["error"] == "invalid_scope"


# --- 4.1.3: redeeming -----------------------------------------------------------------------------


def test_rfc6749_4_1_3_a_code_of_another_client_is_invalid_grant(
    portal: PortalClient, other: PortalClient, visitor: Visitor
) -> None:
    code = code_of(portal, visitor)

    stolen = other.redeems(code, redirect_uri=portal.redirect_uri)

    assert (stolen.status_code, stolen.get_json()["error"]) == (400, "invalid_grant")
    assert portal.redeems(code).status_code == 200


@pytest.mark.parametrize("uri", ["", "https://code.example.vn/callback/", "x", "\0", "é"])
def test_rfc6749_4_1_3_redirect_uri_must_be_identical(
    portal: PortalClient, visitor: Visitor, uri: str
) -> None:
    answer = portal.redeems(code_of(portal, visitor), redirect_uri=uri)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


def test_rfc6749_4_1_2_a_code_is_used_once_and_reuse_revokes_what_came_of_it(
    portal: PortalClient, visitor: Visitor
) -> None:
    code = code_of(portal, visitor)
    token = portal.redeems(code).get_json()["access_token"]

    again = portal.redeems(code)

    headers = {"Authorization": f"Bearer {token}"}
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
    assert visitor.house.app.test_client().get("/userinfo", headers=headers).status_code == 401


def test_rfc6749_a_11_codes_and_tokens_are_visible_characters(
    portal: PortalClient, visitor: Visitor
) -> None:
    code = code_of(portal, visitor)
    answer = portal.redeems(code).get_json()

    assert VSCHAR.fullmatch(code)
    for name in ("access_token", "refresh_token", "token_type"):
        assert VSCHAR.fullmatch(answer[name])


def test_rfc6749_10_10_codes_cannot_be_guessed(portal: PortalClient, visitor: Visitor) -> None:
    """Sealed under a 256-bit key: not one bit of the plain text shows, not one may be changed."""
    first, second = (code_of(portal, visitor) for _ in range(2))
    raw = base64.urlsafe_b64decode(first + "==")

    assert first[:20] != second[:20]
    for place in (0, 12, len(raw) // 2, len(raw) - 1):
        changed = bytes([*raw[:place], raw[place] ^ 1, *raw[place + 1 :]])
        forged = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert portal.redeems(forged).get_json()["error"] == "invalid_grant"


def test_rfc6749_10_13_nobody_frames_the_pages(portal: PortalClient, shared: House) -> None:
    browser = shared.browser()

    page = browser.visit(portal.request())

    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
