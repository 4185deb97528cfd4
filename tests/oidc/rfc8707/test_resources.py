"""Resource indicators (RFC 8707): whom a token is for."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor, claims_of

A, B = "https://a.example.vn/api", "urn:vn:b"
GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("resource")
    return add_portal(shared, "resource", grant_types=GRANTS, resources=[A, B])


def post(portal: PortalClient, *resources: str, **form: str) -> TestResponse:
    data: dict[str, Any] = {**form, "resource": list(resources)}
    return portal.house.app.test_client().post(
        "/token", data=data, auth=(portal.client_id, portal.secret)
    )


def redeem(portal: PortalClient, visitor: Visitor, asked: tuple[str, ...], *named: str) -> Any:
    address = portal.request() + "".join(f"&resource={each}" for each in asked)
    code = answer_of(visitor.client.get(address))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": portal.redirect_uri,
        "code_verifier": portal.verifier,
    }
    return post(portal, *named, **form)


def audience(portal: PortalClient, answer: TestResponse) -> object:
    return claims_of(portal.house, answer.get_json()["access_token"])["aud"]


@pytest.mark.parametrize(
    ("asked", "named", "expected"),
    [
        ((), (), ISSUER),
        ((A,), (), A),
        ((A, B), (), [A, B]),
        ((A, B), (B,), B),
        ((A, A), (), A),
        ((), (A,), A),
    ],
)
def test_rfc8707_2_the_audience_is_what_was_asked_for(
    portal: PortalClient,
    visitor: Visitor,
    asked: tuple[str, ...],
    named: tuple[str, ...],
    expected: object,
) -> None:
    assert audience(portal, redeem(portal, visitor, asked, *named)) == expected


def test_rfc8707_2_2_never_more_than_was_granted(portal: PortalClient, visitor: Visitor) -> None:
    answer = redeem(portal, visitor, (A,), B)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_target")


def test_rfc8707_2_2_a_wrong_resource_does_not_spend_the_code(
    portal: PortalClient, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(portal.request(resource=A)))["code"]

    wrong = portal.redeems(code, resource=B)
    right = portal.redeems(code, resource=A)

    assert (wrong.status_code, right.status_code) == (400, 200)


def test_rfc8707_2_2_a_refresh_names_one_of_them_and_spends_nothing_when_wrong(
    portal: PortalClient, visitor: Visitor
) -> None:
    refresh = redeem(portal, visitor, (A, B)).get_json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}

    wrong = post(portal, "https://c.example.vn/", **form)
    right = post(portal, B, **form)

    assert wrong.get_json()["error"] == "invalid_target"
    assert audience(portal, right) == B


def test_rfc8707_2_2_a_client_asks_for_itself(portal: PortalClient) -> None:
    one = post(portal, A, grant_type="client_credentials")
    both = post(portal, A, B, grant_type="client_credentials")

    assert (audience(portal, one), audience(portal, both)) == (A, [A, B])


HOSTILE = ["x", "/", "https://a.example.vn/api/", "https://a.example.vn/api#x", "https://A.example.vn/api",
           "é", "\0", "javascript:alert(1)", "a" * 3000, f"{A} https://evil.example/"]  # fmt: skip


@pytest.mark.parametrize("resource", HOSTILE)
def test_rfc8707_2_any_other_resource_is_invalid_target(
    portal: PortalClient, visitor: Visitor, resource: str
) -> None:
    authorized = answer_of(visitor.client.get(portal.request(resource=resource)))
    posted = post(portal, resource, grant_type="client_credentials").get_json()

    assert authorized["error"] in {"invalid_target", "invalid_request"}
    assert posted["error"] == "invalid_target"


def test_rfc8707_3_a_token_for_another_is_not_taken_by_userinfo(
    portal: PortalClient, visitor: Visitor
) -> None:
    token = redeem(portal, visitor, (A,)).get_json()["access_token"]

    answer = portal.house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 401
