"""The issuer in every answer (RFC 9207), so that no portal mixes us up with another."""

from __future__ import annotations

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor, posted_fields


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("mixed")
    return add_portal(shared, "mixed")


def test_rfc9207_2_a_code_comes_with_iss(portal: PortalClient, visitor: Visitor) -> None:
    assert answer_of(visitor.client.get(portal.request()))["iss"] == ISSUER


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"response_type": ""},
        {"scope": "profile"},
        {"prompt": "none login"},
        {"request": "x"},
        {"request_uri": "x"},
        {"response_mode": "fragment"},
        {"id_token_hint": "x"},
        {"code_challenge": ""},
        {"resource": "https://x.example.vn/"},
    ],
    ids=str,
)
def test_rfc9207_2_so_does_every_error(
    portal: PortalClient, visitor: Visitor, changes: dict[str, str]
) -> None:
    answer = answer_of(visitor.client.get(portal.request(**changes)))

    assert "error" in answer
    assert (answer["iss"], answer["state"]) == (ISSUER, "s t/ä")


def test_rfc9207_2_so_does_a_repeated_parameter(portal: PortalClient, visitor: Visitor) -> None:
    answer = answer_of(visitor.client.get(f"{portal.request()}&nonce=2"))

    assert (answer["error"], answer["iss"]) == ("invalid_request", ISSUER)


def test_rfc9207_2_so_does_a_form(portal: PortalClient, visitor: Visitor) -> None:
    page = visitor.client.get(portal.request(response_mode="form_post"))

    assert posted_fields(page)["iss"] == ISSUER


def test_rfc9207_3_discovery_promises_it(shared: House) -> None:
    found = shared.app.test_client().get("/.well-known/oauth-authorization-server").get_json()

    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["issuer"] == ISSUER
