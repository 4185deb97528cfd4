"""Authorization requests that were changed on their way, and answers that are confused.

RFC 9207 (mix-up), JARM, RFC 9126, RFC 9101, OpenID Connect Core 3.1.2 and 5.5, RFC 9470.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import (
    ISSUER,
    Documents,
    Program,
    Visitor,
    add_program,
    later,
    posted_fields,
)
from tests.support.portals import read


def answer(page: Any) -> dict[str, str]:
    return answer_of(page)


# --- mix-up -------------------------------------------------------------------------------------

OUTCOMES: dict[str, dict[str, str]] = {
    "a code": {},
    "a wrong scope": {"scope": "email"},
    "a wrong response_type": {"response_type": "token"},
    "a wrong prompt": {"prompt": "evil"},
    "two prompts that exclude each other": {"prompt": "none login"},
    "a wrong request object": {"request": "a.b.c"},
    "a wrong hint": {"id_token_hint": "a.b.c"},
    "a level that is not reached": {
        "claims": '{"id_token":{"acr":{"essential":true,"value":"ial3"}}}'
    },
    "a wrong challenge": {"code_challenge": "x"},
    "a resource that is not granted": {"resource": "https://evil.example/"},
}


@pytest.mark.parametrize("how", OUTCOMES)
@pytest.mark.parametrize("mode", ["query", "jwt", "form_post", "form_post.jwt"])
def test_every_answer_says_who_gives_it(
    target: House, victim: Visitor, portal: PortalClient, mode: str, how: str
) -> None:
    changes = {"scope": "openid", **OUTCOMES[how], "response_mode": mode}

    page = victim.client.get(portal.request(**changes))

    found = posted_fields(page) if mode.startswith("form_post") else answer(page)
    if mode.endswith("jwt"):
        assert not {"code", "error", "state"} & set(found)
        _, found = read(target, found["response"])
        assert found["aud"] == portal.client_id
    assert found["iss"] == ISSUER
    assert ("code" in found) is (how == "a code")


MODES = [
    "fragment", "query,fragment", "QUERY", "form_post;", "web_message", "fragment.jwt", "none",
    "query form_post", "jwt.query", "../query", "\0", "cookie",
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_no_other_response_mode_carries_a_code(
    victim: Visitor, portal: PortalClient, mode: str
) -> None:
    page = victim.client.get(portal.request(scope="openid", response_mode=mode))

    assert answer(page)["error"] == "invalid_request"
    assert "#" not in page.headers["Location"]


TYPES = [
    "token", "id_token", "id_token token", "code token", "code id_token", "code id_token token",
    "none", "CODE", "code code", " code", "code ", "device_code", "token code",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_no_token_ever_comes_through_the_browser(
    victim: Visitor, portal: PortalClient, kind: str
) -> None:
    found = answer(victim.client.get(portal.request(scope="openid", response_type=kind)))

    assert found["error"] == "unsupported_response_type"
    assert not {"code", "access_token", "id_token"} & set(found)


# --- parameters ---------------------------------------------------------------------------------

ONCE = [
    "client_id", "response_type", "scope", "state", "nonce", "prompt", "max_age", "claims",
    "acr_values", "code_challenge", "code_challenge_method", "response_mode", "login_hint",
    "id_token_hint", "ui_locales", "dpop_jkt", "request", "request_uri", "display",
]  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
def test_a_parameter_that_comes_twice_is_refused_whatever_its_values(
    victim: Visitor, portal: PortalClient, name: str
) -> None:
    asked = portal.request(**{"scope": "openid", name: None})

    for first, second in (("x", "x"), ("x", "y"), ("", "y"), ("openid", "openid")):
        page = victim.client.get(f"{asked}&{name}={first}&{name}={second}")
        assert page.status_code == 400 or "code" not in answer(page)


VALUES = {
    "max_age": ["-1", "1.5", "1e9", "0x1", "９", " 1", "1 ", "99999999999999999999", "NaN", "+1"],
    "prompt": ["none login", "NONE", "login evil", "none none login", "consent,login"],
    "scope": ["", "OPENID", "openid\0", "email", "ｏpenid"],
    "dpop_jkt": ["x", "x" * 44, "é" * 43, "=" * 43],
    "claims": [
        "[]", "null", "x", '{"id_token":[]}', '{"id_token":{"acr":5}}', "{" * 5000,
        '{"id_token":{"acr":{"essential":"yes"}}}', '{"userinfo":"*"}',
        '{"id_token":' * 15 + "{}" + "}" * 15, '{"id_token":{"sub":{"value":1e999}}}',
        '{"id_token":{"sub":{"values":"x"}}}', '{"id_token":{"sub":{"value":NaN}}}',
        '{"id_token":{"a":' + "9" * 400 + "}}",
    ],
    "registration": ["{}"],
    "resource": ["x", "https://evil.example", "javascript:alert(1)", "*"],
    "id_token_hint": ["x", "a.b.c", "....", "e30.e30.", "x" * 9000],
    "state": ["\0"],
    "nonce": ["\0", "n" * 5000],
    "login_hint": ["\0", "l" * 5000],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in VALUES.items() for value in values]
)
def test_a_hostile_value_gives_no_code(
    victim: Visitor, portal: PortalClient, name: str, value: str
) -> None:
    page = victim.client.get(portal.request(**{"scope": "openid", name: value}))

    assert "code" not in answer(page)
    assert answer(page)["error"] in {
        "invalid_request", "invalid_scope", "invalid_target", "registration_not_supported",
        "login_required",
    }  # fmt: skip


# --- levels -------------------------------------------------------------------------------------


def essential(*values: object) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": values}}})


LEVELS: dict[str, dict[str, str]] = {
    "an essential level above": {"claims": essential("ial3")},
    "an alias of it": {"claims": essential("LoA3")},
    "an essential level that nobody knows": {"claims": essential("gold")},
    "none of several": {"claims": essential("gold", "silver")},
    "a level in another case": {"claims": essential("IAL2")},
    "a level with a space": {"claims": essential("ial2 ")},
    "a key for a password": {"claims": essential("phr")},
    "hardware for a password": {"claims": essential("phrh")},
    "hardware before a key": {"claims": essential("phrh", "phr")},
    "one that is no text": {"claims": essential(["ial1"], "gold")},
    "acr_values beside it do not soften it": {"claims": essential("ial3"), "acr_values": "ial1"},
}


@pytest.mark.parametrize("how", LEVELS)
def test_an_essential_level_that_is_not_proved_gives_no_code(
    victim: Visitor, portal: PortalClient, how: str
) -> None:
    found = answer(victim.client.get(portal.request(scope="openid", prompt="none", **LEVELS[how])))

    assert found["error"] in {"unmet_authentication_requirements", "login_required"}


def test_a_level_is_not_raised_by_refreshing_or_by_asking_again(
    target: House, victim: Visitor
) -> None:
    portal = add_portal(target, "climber")
    victim.agrees("climber")
    code = answer(victim.client.get(portal.request(scope="openid", acr_values="ial2")))["code"]
    tokens = portal.redeems(code).get_json()

    again = portal.token(
        grant_type="refresh_token",
        refresh_token=tokens["refresh_token"],
        acr_values="ial3",
        claims=essential("ial3"),
    ).get_json()

    assert portal.claims(again["id_token"])["acr"] == "ial2"
    assert (
        portal.claims(again["id_token"])["auth_time"]
        == portal.claims(tokens["id_token"])["auth_time"]
    )


@pytest.mark.parametrize("age", ["0", "1", "59"])
def test_prompt_none_does_not_get_round_max_age(
    target: House, victim: Visitor, portal: PortalClient, age: str
) -> None:
    with later(target, seconds=60):
        page = victim.client.get(portal.request(scope="openid", prompt="none", max_age=age))

    assert answer(page)["error"] == "login_required"


# --- hints --------------------------------------------------------------------------------------


def test_a_hint_about_somebody_else_gives_no_code(
    target: House, victim: Visitor, portal: PortalClient, mallory: PortalClient
) -> None:
    code = answer(victim.client.get(mallory.request(scope="openid")))["code"]
    of_mallory = mallory.redeems(code).get_json()["id_token"]

    page = victim.client.get(
        portal.request(scope="openid", prompt="none", id_token_hint=of_mallory)
    )

    assert answer(page)["error"] == "login_required"
    assert target.app.test_client().get("/account").status_code == 303


# --- signed and pushed requests -----------------------------------------------------------------


@pytest.fixture(scope="module")
def signer(target: House, victim: Visitor) -> Program:
    victim.agrees("jar")
    return add_program(
        target,
        "jar",
        profile="standard",
        dpop_bound_access_tokens=False,
        require_signed_request_object=True,
        request_uris=["https://jar.example.vn/request.jwt"],
    )


OUTSIDE = {
    "scope": "openid identity phone",
    "redirect_uri": "https://evil.example/",
    "prompt": "none",
    "acr_values": "ial1",
    "claims": '{"userinfo":{"email":null}}',
    "code_challenge": "x" * 43,
    "max_age": "9999",
    "nonce": "evil",
    "response_mode": "form_post",
    "dpop_jkt": "x" * 43,
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_stands_beside_a_signed_request_does_not_count(
    target: House, victim: Visitor, signer: Program, name: str
) -> None:
    asked = signer.plain_request(request=signer.request_object(), **{name: OUTSIDE[name]})

    page = victim.client.get(asked)

    found = answer(page)
    assert page.headers["Location"].startswith(signer.redirect_uri)
    assert found["state"] == "inside"
    tokens = signer.post(
        "/token",
        grant_type="authorization_code",
        code=found["code"],
        redirect_uri=signer.redirect_uri,
        code_verifier="v" * 64,
    ).get_json()
    assert tokens["scope"] == "openid"
    assert "nonce" not in read(target, tokens["id_token"])[1]


INSIDE: dict[str, dict[str, Any]] = {
    "another client": {"client_id": "hanoi"},
    "another issuer": {"iss": "hanoi"},
    "another audience": {"aud": "https://other.example"},
    "no audience of ours among many": {"aud": ["https://other.example", f"{ISSUER}/"]},
    "the client as subject": {"sub": "jar"},
    "another request": {"request": "a.b.c"},
    "another address": {"request_uri": "https://evil.example"},
    "an address of somebody else": {"redirect_uri": "https://evil.example/"},
    "over": {"exp": 1},
    "for ever": {"exp": 2**40},
    "not yet": {"nbf": 2**40},
    "too old": {"nbf": 1},
    "a time that is text": {"exp": "tomorrow"},
    "a time that is true": {"exp": True},
    "a negative time": {"exp": -1},
    "a scope that is a list": {"scope": ["openid"]},
    "a scope that is an object": {"scope": {"openid": True}},
    "a redirect_uri that is a list": {"redirect_uri": ["https://jar.example.vn/callback"]},
    "a challenge that is a number": {"code_challenge": 5},
    "a response_type that is a list": {"response_type": ["code"]},
    "another response_type": {"response_type": "token"},
    "a max_age that is true": {"max_age": True},
    "a max_age that is negative": {"max_age": -1},
    "a resource that is a number": {"resource": [5]},
    "claims that are text in text": {"claims": "x"},
}


@pytest.mark.parametrize("how", INSIDE)
def test_a_wrong_signed_request_gives_no_code(victim: Visitor, signer: Program, how: str) -> None:
    token = signer.request_object(**INSIDE[how])

    page = victim.client.get(signer.plain_request(request=token))
    pushed = signer.post("/par", request=token)

    assert "code=" not in page.headers.get("Location", "")
    assert "evil" not in page.headers.get("Location", "")
    assert pushed.status_code == 400


ADDRESSES = [
    "https://jar.example.vn/other.jwt",
    "https://jar.example.vn/request.jwt/",
    "https://jar.example.vn/request.jwt?x=1",
    "https://jar.example.vn/x/../request.jwt",
    "https://jar.example.vn@evil.example/request.jwt",
    "https://JAR.example.vn/request.jwt",
    "http://jar.example.vn/request.jwt",
    "https://jar.example.vn:8443/request.jwt",
    "https://127.0.0.1/request.jwt",
    "https://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/",
    "data:,x",
    "//evil.example/",
    "urn:ietf:params:oauth:request_uri:",
    "urn:ietf:params:oauth:request_uri:x",
    "urn:ietf:params:oauth:request_uri:../../x",
    "URN:ietf:params:oauth:request_uri:x",
    "urn:ietf:params:oauth:request_uri:" + "a" * 3000,
]


@pytest.mark.parametrize("uri", ADDRESSES)
def test_an_address_of_a_request_that_was_not_registered_is_not_fetched(
    victim: Visitor, signer: Program, documents: Documents, uri: str
) -> None:
    before = len(documents.asked)

    page = victim.client.get(signer.plain_request(request_uri=uri))

    assert "code=" not in page.headers.get("Location", "")
    assert len(documents.asked) == before


def test_a_pushed_request_of_another_client_is_nobodys(
    target: House, victim: Visitor, program: Program
) -> None:
    other = add_program(target, "other-fapi")
    victim.agrees("other-fapi")
    uri = program.push().get_json()["request_uri"]

    stolen = victim.visits("other-fapi", uri)
    more = victim.visits(program.client_id, uri, redirect_uri="https://evil.example/", scope="x")

    assert (stolen.status_code, "Location" in stolen.headers) == (400, False)
    assert more.headers["Location"].startswith(f"{program.redirect_uri}?code=")
    assert victim.visits(program.client_id, uri).status_code == 400
    assert other.push().status_code == 201


PUSHED: dict[str, dict[str, str]] = {
    "another redirect_uri": {"redirect_uri": "https://evil.example/"},
    "another response_type": {"response_type": "token"},
    "no challenge": {"code_challenge": ""},
    "a plain challenge": {"code_challenge_method": "plain"},
    "no openid": {"scope": "email"},
    "an address of a request": {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
    "an unsigned request": {"request": "e30.e30."},
    "a broken one": {"request": "x"},
    "a very long state": {"nonce": "s" * 5000},
    "another client": {"client_id": "hanoi"},
    "a resource": {"resource": "https://evil.example/"},
}


@pytest.mark.parametrize("how", PUSHED)
def test_what_is_wrong_is_not_pushed(program: Program, how: str) -> None:
    answer = program.push(**PUSHED[how])

    assert answer.status_code in {400, 401}
    assert "request_uri" not in answer.get_json()


def test_a_pushed_request_is_over_after_its_time(
    target: House, victim: Visitor, program: Program
) -> None:
    uri = program.push().get_json()["request_uri"]

    with later(target, seconds=91):
        assert victim.visits(program.client_id, uri).status_code == 400


def test_a_client_of_fapi_is_not_answered_in_the_open(victim: Visitor, program: Program) -> None:
    for asked in (program.plain_request(), program.plain_request(request=program.request_object())):
        assert "code=" not in victim.client.get(asked).headers.get("Location", "")
