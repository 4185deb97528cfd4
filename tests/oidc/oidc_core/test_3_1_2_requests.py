"""Authentication requests (OpenID Connect Core, 3.1.2): what is asked for, and the errors of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idp.domain.subjects import IdNumber
from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor, later, sign_in


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("asking")
    return add_portal(shared, "asking")


@pytest.fixture(scope="module")
def stranger(shared: House) -> Visitor:
    """Somebody who is signed in and never agreed to anything."""
    return sign_in(shared, id_numbers=(IdNumber.parse("001072000177"),))


def ask(portal: PortalClient, visitor: Visitor, **changes: str | None) -> dict[str, str]:
    return answer_of(visitor.client.get(portal.request(**changes)))


def goes_to(portal: PortalClient, visitor: Visitor, **changes: str | None) -> str:
    return visitor.client.get(portal.request(**changes)).headers["Location"]


def id_token(portal: PortalClient, visitor: Visitor, **changes: str | None) -> dict[str, Any]:
    answer = portal.redeems(ask(portal, visitor, **changes)["code"]).get_json()
    return portal.claims(answer["id_token"])


# --- 3.1.2.1: parameters --------------------------------------------------------------------------


@pytest.mark.parametrize("nonce", ["n", "x" * 64, "x" * 384, "a b/é+=", '"\\', "日本語"])
def test_core_3_1_2_1_the_nonce_is_in_the_id_token_unchanged(
    portal: PortalClient, visitor: Visitor, nonce: str
) -> None:
    assert id_token(portal, visitor, nonce=nonce)["nonce"] == nonce


def test_core_3_1_2_1_without_a_nonce_there_is_none(portal: PortalClient, visitor: Visitor) -> None:
    assert "nonce" not in id_token(portal, visitor, nonce=None)


@pytest.mark.parametrize("display", ["page", "popup", "touch", "wap", "hologram", "", "é"])
def test_core_15_1_no_display_is_an_error(
    portal: PortalClient, visitor: Visitor, display: str
) -> None:
    assert "code" in ask(portal, visitor, display=display)


@pytest.mark.parametrize("name", ["ui_locales", "claims_locales"])
@pytest.mark.parametrize("value", ["se", "vi en", "fr-CA", "x" * 500, "*", "\n", "é", "en_US;q=1"])
def test_core_15_1_no_locale_is_an_error(
    portal: PortalClient, visitor: Visitor, name: str, value: str
) -> None:
    assert "code" in ask(portal, visitor, **{name: value})


@pytest.mark.parametrize("hint", ["001072000136", "buffy@example.vn", "é\n", "<b>", "x" * 300])
def test_core_3_1_2_1_a_login_hint_is_only_a_hint(
    portal: PortalClient, shared: House, hint: str
) -> None:
    page = shared.browser().visit(portal.request(login_hint=hint))

    assert page.status_code == 200
    assert "<b>" not in page.text


@pytest.mark.parametrize("value", ["0 1", "x", "-1", "1.5", "1e3", "٣", " ", "9" * 10, "None"])
def test_core_3_1_2_1_max_age_is_a_number_of_seconds(
    portal: PortalClient, visitor: Visitor, value: str
) -> None:
    assert ask(portal, visitor, max_age=value)["error"] == "invalid_request"


def test_core_3_1_2_1_an_older_sign_in_than_max_age_is_renewed(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    with later(shared, seconds=2):
        assert goes_to(portal, visitor, max_age="1").startswith("/login/")
        assert ask(portal, visitor, max_age="1", prompt="none")["error"] == "login_required"


def test_core_3_1_2_1_a_younger_one_is_not(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    with later(shared, seconds=99):
        claims = id_token(portal, visitor, max_age="10000")

    assert claims["iat"] - claims["auth_time"] == 99


def test_core_3_1_2_1_max_age_zero_always_asks(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    with later(shared, seconds=1):
        assert goes_to(portal, visitor, max_age="0").startswith("/login/")


def test_core_3_1_2_1_default_max_age_is_what_a_client_registered(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("hasty")
    hasty = add_portal(shared, "hasty", default_max_age=1)

    with later(shared, seconds=5):
        assert goes_to(hasty, visitor).startswith("/login/")
        assert "code" in ask(hasty, visitor, max_age="100")


@pytest.mark.parametrize("acr_values", ["ial2", "ial2 ial1", "unknown ial2", "phr ial2"])
def test_core_3_1_2_1_acr_values_are_voluntary(
    portal: PortalClient, visitor: Visitor, acr_values: str
) -> None:
    assert ask(portal, visitor, acr_values=acr_values).keys() & {"code"}


@pytest.mark.parametrize("value", ["never-heard-of", "1 2", "é", '"', "x" * 1000])
def test_core_5_5_1_1_an_unknown_level_that_is_voluntary_is_passed_over(
    portal: PortalClient, visitor: Visitor, value: str
) -> None:
    assert id_token(portal, visitor, acr_values=value)["acr"] == "ial2"


def test_core_5_5_1_1_an_essential_level_that_nobody_reaches_is_an_error(
    portal: PortalClient, visitor: Visitor
) -> None:
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["gold"]}}})

    assert ask(portal, visitor, claims=claims)["error"] == "unmet_authentication_requirements"


# --- 3.1.2.1, 3.1.2.3: prompt ---------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent", "consent login"])
def test_core_3_1_2_3_prompt_login_asks_who_is_signed_in(
    shared: House, portal: PortalClient, visitor: Visitor, prompt: str
) -> None:
    with later(shared, seconds=1):
        assert goes_to(portal, visitor, prompt=prompt).startswith("/login/")


def test_core_3_1_2_4_prompt_consent_asks_who_agreed_before(
    portal: PortalClient, visitor: Visitor
) -> None:
    assert goes_to(portal, visitor, prompt="consent").startswith("/consent/")


def test_core_3_1_2_3_prompt_none_shows_no_page_whatever_is_missing(
    shared: House, portal: PortalClient, visitor: Visitor, stranger: Visitor
) -> None:
    nobody = shared.app.test_client().get(portal.request(prompt="none"))

    assert answer_of(nobody)["error"] == "login_required"
    assert ask(portal, stranger, prompt="none")["error"] == "consent_required"
    assert "code" in ask(portal, visitor, prompt="none")


@pytest.mark.parametrize("prompt", ["none login", "login none", "none consent", "none create"])
def test_core_3_1_2_1_prompt_none_stands_alone(
    portal: PortalClient, visitor: Visitor, prompt: str
) -> None:
    assert ask(portal, visitor, prompt=prompt)["error"] == "invalid_request"


@pytest.mark.parametrize("prompt", ["x", "LOGIN", "login,consent", "login x", "é", "none\0"])
def test_core_3_1_2_1_an_unknown_prompt_is_invalid_request(
    portal: PortalClient, visitor: Visitor, prompt: str
) -> None:
    assert ask(portal, visitor, prompt=prompt)["error"] == "invalid_request"


def test_prompt_create_1_0_4_who_has_no_session_registers(
    shared: House, portal: PortalClient
) -> None:
    page = shared.app.test_client().get(portal.request(prompt="create"))

    assert page.headers["Location"].startswith("/register?login=")


# --- 3.1.2.6: errors ------------------------------------------------------------------------------


def test_core_3_1_2_6_the_registration_parameter_is_not_supported(
    portal: PortalClient, visitor: Visitor
) -> None:
    assert ask(portal, visitor, registration="{}")["error"] == "registration_not_supported"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request": "x"}, "invalid_request_object"),
        ({"request": "e30.e30."}, "invalid_request_object"),
        ({"request_uri": "https://evil.example/"}, "invalid_request_uri"),
        ({"request_uri": "file:///etc/passwd"}, "invalid_request_uri"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request_uri"),
        ({"request": "x", "request_uri": "y"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"nonce": "x" * 5000}, "invalid_request"),
        ({"nonce": "\0"}, "invalid_request"),
    ],
    ids=str,
)
def test_core_3_1_2_6_an_error_has_its_code_state_and_issuer_and_nothing_else(
    portal: PortalClient, visitor: Visitor, changes: dict[str, str], error: str
) -> None:
    answer = ask(portal, visitor, **changes)

    assert (answer["error"], answer["state"], answer["iss"]) == (error, "s t/ä", ISSUER)
    assert set(answer) == {"error", "error_description", "state", "iss"}


@pytest.mark.parametrize("mode", ["form_post", "form_post.jwt", "jwt", "query.jwt"])
def test_multiple_response_types_2_1_an_error_travels_as_it_was_asked_to(
    portal: PortalClient, visitor: Visitor, mode: str
) -> None:
    page = visitor.client.get(portal.request(response_mode=mode, scope="x"))

    if mode.startswith("form_post"):
        assert page.status_code == 200
        assert f'action="{portal.redirect_uri}"' in page.text
    else:
        assert set(answer_of(page)) == {"response"}
