"""What a request of the implicit flow must say, and who may make one (Core, 3.2.2.1).

Modules of the OpenID Foundation's implicit plan: oidcc-ensure-request-without-nonce-fails,
oidcc-response-type-missing, oidcc-prompt-none-not-logged-in, oidcc-ensure-registered-redirect-uri.
"""

from __future__ import annotations

import json

import pytest

from idp.domain.subjects import IdNumber
from tests.oidc.implicit.kit import BOTH, ID_TOKEN, TOKENS, add_implicit, asks, told
from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import (
    ISSUER,
    Program,
    Visitor,
    add_program,
    claims_of,
    later,
    posted_fields,
    sign_in,
)

KINDS = pytest.mark.parametrize("kind", ["id_token", "id_token token"])


def refused(found: dict[str, str]) -> str:
    """The error, of an answer that has no token in it and says who answers."""
    assert not {"code", "access_token", "id_token"} & set(found)
    assert (found["iss"], found["state"]) == (ISSUER, "s t/ä")
    return found["error"]


# --- response_type --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["id_token token", "token id_token"])
def test_rfc6749_3_1_1_the_order_of_the_words_does_not_matter(
    portal: PortalClient, visitor: Visitor, kind: str
) -> None:
    assert {"access_token", "id_token"} <= set(asks(visitor.client, portal, response_type=kind))


OTHERS = [
    "token", "code id_token", "code token", "code id_token token", "id_token id_token", "none",
    " id_token", "id_token ", "id_token  token", "ID_TOKEN", "id_token,token", "token token",
    "id_token\ttoken", "id_token token code", "id_token" * 2000, "ïd_token", "id_token\0",
]  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS, ids=range(len(OTHERS)))
def test_core_3_3_no_hybrid_and_no_other_type_brings_anything(
    portal: PortalClient, visitor: Visitor, kind: str
) -> None:
    found = answer_of(visitor.client.get(portal.request(scope="openid", response_type=kind)))

    assert refused(found) == "unsupported_response_type"


def test_rfc6749_4_1_2_1_without_a_type_it_is_invalid_request(
    portal: PortalClient, visitor: Visitor
) -> None:
    page = visitor.client.get(portal.request(scope="openid", response_type=None))

    assert refused(answer_of(page)) == "invalid_request"


@KINDS
@pytest.mark.parametrize(
    "metadata",
    [
        {"grant_types": ["authorization_code"], "response_types": ["code"]},
        {"grant_types": ["authorization_code", "refresh_token"]},
        {"profile": "dvcqg", "require_pkce": False, "grant_types": ["authorization_code"]},
    ],
    ids=["code", "default", "dvcqg"],
)
def test_rfc6749_4_2_2_1_who_did_not_register_for_it_is_unauthorized_client(
    shared: House, visitor: Visitor, kind: str, metadata: dict[str, object]
) -> None:
    plain = add_portal(shared, "only-codes", **metadata)

    assert refused(asks(visitor.client, plain, response_type=kind)) == "unauthorized_client"


def test_registration_2_each_type_is_registered_by_itself(shared: House, visitor: Visitor) -> None:
    visitor.agrees("one-type")
    one = add_implicit(
        shared, "one-type", grant_types=["implicit"], response_types=["id_token"]
    )  # fmt: skip

    assert "id_token" in asks(visitor.client, one, **ID_TOKEN)
    assert refused(asks(visitor.client, one, **TOKENS)) == "unauthorized_client"
    code = answer_of(visitor.client.get(one.request(scope="openid")))
    assert refused(code) == "unauthorized_client"


def test_fapi2_5_3_2_2_a_client_of_fapi2_gets_no_token_here(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("strict-one")
    program = add_program(shared, "strict-one")

    answers = [program.push(**kind, nonce="n-1").get_json() for kind in (TOKENS, ID_TOKEN)]

    assert [answer["error"] for answer in answers] == ["unauthorized_client"] * 2


# --- response_mode --------------------------------------------------------------------------------

REFUSED_MODES = [
    "query", "query.jwt", "FRAGMENT", "fragment ", "fragment,query", "web_message", "none", "é",
    "fragment.jwt.jwt", ".jwt", "m" * 5000,
]  # fmt: skip


@KINDS
@pytest.mark.parametrize("mode", REFUSED_MODES, ids=range(len(REFUSED_MODES)))
def test_multiple_response_types_3_no_token_stands_in_a_query(
    portal: PortalClient, visitor: Visitor, kind: str, mode: str
) -> None:
    found = asks(visitor.client, portal, response_type=kind, response_mode=mode)

    assert refused(found) == "invalid_request"


@pytest.mark.parametrize("mode", ["fragment", "fragment.jwt"])
def test_a_code_never_comes_in_a_fragment(
    portal: PortalClient, visitor: Visitor, mode: str
) -> None:
    """As without the setting: nobody needs it, so there is one way less to lose a code."""
    page = visitor.client.get(portal.request(scope="openid", response_mode=mode))

    assert refused(answer_of(page)) == "invalid_request"


# --- nonce ----------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("nonce", [None, "", "n" * 5000, "n\0"], ids=["none", "empty", "huge", "0"])
def test_core_3_2_2_1_nonce_is_required(
    portal: PortalClient, visitor: Visitor, kind: str, nonce: str | None
) -> None:
    found = asks(visitor.client, portal, response_type=kind, nonce=nonce)

    assert refused(found) == "invalid_request"


@KINDS
@pytest.mark.parametrize("nonce", ["n", "đ ä/+&#", "n" * 4096], ids=["short", "signs", "long"])
def test_core_3_2_2_11_the_nonce_comes_back_as_it_was(
    shared: House, portal: PortalClient, visitor: Visitor, kind: str, nonce: str
) -> None:
    found = asks(visitor.client, portal, response_type=kind, nonce=nonce)

    assert claims_of(shared, found["id_token"])["nonce"] == nonce


# --- redirect_uri ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    ["http://browser.example.vn/callback", "https://browser.example.vn/callback#x",
     "https://browser.example.vn/callback/", "https://evil.example/", "", "http://localhost/cb"],
)  # fmt: skip
def test_core_3_2_2_1_an_address_that_is_not_registered_gets_nothing(
    portal: PortalClient, visitor: Visitor, uri: str
) -> None:
    page = visitor.client.get(portal.request(**{**TOKENS, "redirect_uri": uri}))

    assert page.status_code == 400
    assert "Location" not in page.headers


def test_core_3_2_2_1_a_program_on_the_own_machine_may_use_loopback(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("desktop")
    desktop = add_implicit(
        shared, "desktop", application_type="native", redirect_uris=["http://127.0.0.1/cb"]
    )

    page = visitor.client.get(
        desktop.request(**{**ID_TOKEN, "redirect_uri": "http://127.0.0.1:5000/cb"})
    )

    assert page.headers["Location"].startswith("http://127.0.0.1:5000/cb#")


# --- errors ---------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[dict[str, str | None], str]] = {
    "no scope": ({"scope": None}, "invalid_scope"),
    "scope without openid": ({"scope": "profile"}, "invalid_scope"),
    "prompt": ({"prompt": "none login"}, "invalid_request"),
    "max_age": ({"max_age": "-1"}, "invalid_request"),
    "claims": ({"claims": "{"}, "invalid_request"),
    "resource": ({"resource": "https://other.example.vn/"}, "invalid_target"),
    "registration": ({"registration": "{}"}, "registration_not_supported"),
    "id_token_hint": ({"id_token_hint": "x"}, "invalid_request"),
    "request": ({"request": "x"}, "invalid_request_object"),
    "request_uri": ({"request_uri": "https://x.example.vn/"}, "invalid_request_uri"),
    "dpop_jkt": ({"dpop_jkt": "j" * 43}, "invalid_request"),
    "acr": (
        {"claims": json.dumps({"id_token": {"acr": {"essential": True, "value": "ial9"}}})},
        "unmet_authentication_requirements",
    ),
}


@KINDS
@pytest.mark.parametrize(("changes", "error"), FAULTS.values(), ids=FAULTS)
def test_core_3_2_2_6_an_error_comes_in_the_fragment(
    portal: PortalClient, visitor: Visitor, kind: str,
    changes: dict[str, str | None], error: str,
) -> None:  # fmt: skip
    assert refused(asks(visitor.client, portal, response_type=kind, **changes)) == error


def test_core_3_2_2_6_so_does_one_about_a_repeated_parameter(
    portal: PortalClient, visitor: Visitor
) -> None:
    page = visitor.client.get(f"{portal.request(**TOKENS)}&nonce=2")

    assert refused(told(page)) == "invalid_request"


def test_form_post_2_an_error_comes_in_a_form_where_that_was_asked_for(
    portal: PortalClient, visitor: Visitor
) -> None:
    page = visitor.client.get(
        portal.request(**TOKENS, nonce=None, response_mode="form_post")
    )  # fmt: skip

    assert refused(posted_fields(page)) == "invalid_request"


@KINDS
def test_core_3_1_2_6_prompt_none_without_a_session_is_login_required(
    shared: House, portal: PortalClient, kind: str
) -> None:
    found = asks(shared.app.test_client(), portal, response_type=kind, prompt="none")

    assert refused(found) == "login_required"


def test_core_3_1_2_6_prompt_none_without_a_consent_is_consent_required(
    shared: House, portal: PortalClient
) -> None:
    other = sign_in(shared, id_numbers=(IdNumber.parse("001072000137"),))

    found = asks(other.client, portal, scope="openid profile", prompt="none")

    assert refused(found) == "consent_required"


@pytest.mark.parametrize("prompt", [{"prompt": "login"}, {"max_age": "1"}], ids=["prompt", "age"])
def test_core_3_1_2_1_prompt_and_max_age_ask_for_a_sign_in(
    shared: House, portal: PortalClient, visitor: Visitor, prompt: dict[str, str]
) -> None:
    with later(shared, seconds=5):
        page = visitor.client.get(portal.request(**TOKENS, **prompt))

    assert page.headers["Location"].startswith("/login/")


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "member", [{"name": None}, {"email": {"essential": True}}, {"sub": {"value": "x"}}], ids=str
)
def test_core_5_5_claims_for_userinfo_need_an_access_token(
    portal: PortalClient, visitor: Visitor, member: dict[str, object]
) -> None:
    claims = json.dumps({"userinfo": member})

    found = asks(visitor.client, portal, **ID_TOKEN, claims=claims)

    assert refused(found) == "invalid_request"


# --- pushed and signed ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def program(shared: House, visitor: Visitor) -> Program:
    """A portal with keys, which pushes and signs."""
    visitor.agrees("signing")
    metadata = {"profile": "standard", "dpop_bound_access_tokens": False, **BOTH}
    return add_program(shared, "signing", **metadata)


def test_rfc9126_2_a_pushed_request_is_answered_once(program: Program, visitor: Visitor) -> None:
    pushed = program.push(**TOKENS, nonce="n-1").get_json()["request_uri"]

    first, second = (visitor.visits("signing", pushed) for _ in range(2))

    assert "access_token" in told(first)
    assert second.status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nonce": ""}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "query"}, "invalid_request"),
        ({"dpop_jkt": "j" * 43}, "invalid_request"),
    ],
    ids=["nonce", "hybrid", "query", "dpop_jkt"],
)
def test_rfc9126_2_3_a_wrong_one_is_refused_when_it_is_pushed(
    program: Program, changes: dict[str, str], error: str
) -> None:
    answer = program.push(**{**TOKENS, "nonce": "n-1", **changes})

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


def test_rfc9449_10_1_a_proof_does_not_bind_what_comes_without_a_code(program: Program) -> None:
    answer = program.push(**TOKENS, nonce="n-1", proof=program.proof("/par"))

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_rfc9101_6_3_a_signed_request_is_answered(program: Program, visitor: Visitor) -> None:
    signed = program.request_object(**TOKENS, nonce="inside")

    found = told(visitor.client.get(program.plain_request(**TOKENS, request=signed)))

    assert found["state"] == "inside"
    assert claims_of(program.house, found["id_token"])["nonce"] == "inside"


def test_core_6_1_a_response_type_differs_inside_and_outside(
    program: Program, visitor: Visitor
) -> None:
    signed = program.request_object(**TOKENS, nonce="inside")

    page = visitor.client.get(program.plain_request(request=signed))

    assert answer_of(page)["error"] == "invalid_request_object"
