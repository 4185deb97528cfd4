"""Userinfo (OpenID Connect Core, 5.1, 5.3): claims of the right type, and the right subject."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor
from tests.support.portals import read

TYPES: dict[str, type] = {
    "sub": str, "name": str, "birthdate": str, "gender": str, "locale": str, "updated_at": int,
    "email": str, "email_verified": bool, "phone_number": str, "phone_number_verified": bool,
}  # fmt: skip


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("userinfo")
    return add_portal(shared, "userinfo")


def tokens_of(portal: PortalClient, visitor: Visitor, **changes: str | None) -> dict[str, Any]:
    code = answer_of(visitor.client.get(portal.request(**changes)))["code"]
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


def userinfo(house: House, token: str, method: str = "GET") -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return house.app.test_client().open("/userinfo", method=method, headers=headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_core_5_3_1_get_and_post_say_the_same(
    shared: House, portal: PortalClient, visitor: Visitor, method: str
) -> None:
    tokens = tokens_of(portal, visitor)

    answer = userinfo(shared, tokens["access_token"], method)

    assert answer.status_code == 200
    assert answer.content_type.startswith("application/json")
    assert answer.get_json()["sub"] == portal.claims(tokens["id_token"])["sub"]


def test_core_5_1_every_claim_has_its_type_and_form(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = tokens_of(portal, visitor, scope="openid profile email phone")["access_token"]

    found = userinfo(shared, token).get_json()

    assert {name: type(value) for name, value in found.items()} == TYPES
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["birthdate"])
    assert re.fullmatch(r"\+[1-9]\d{6,14}", found["phone_number"])
    assert re.fullmatch(r"[^@\s]+@[^@\s]+", found["email"])
    assert found["gender"] in {"male", "female"}


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", {"sub"}),
        ("openid email", {"sub", "email", "email_verified"}),
        ("openid phone", {"sub", "phone_number", "phone_number_verified"}),
        ("openid profile", {"sub", "name", "birthdate", "gender", "locale", "updated_at"}),
        ("openid address", {"sub"}),
    ],
)
def test_core_5_4_a_scope_gives_its_claims_and_no_other(
    shared: House, portal: PortalClient, visitor: Visitor, scope: str, names: set[str]
) -> None:
    found = userinfo(shared, tokens_of(portal, visitor, scope=scope)["access_token"]).get_json()

    assert set(found) == names


def test_core_5_3_2_nothing_is_empty_or_null(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = tokens_of(portal, visitor, scope="openid profile address")["access_token"]

    found = userinfo(shared, token).get_json()

    assert all(value not in (None, "", [], {}) for value in found.values())


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_core_5_3_2_a_signed_answer_is_a_jwt_for_the_client(
    shared: House, visitor: Visitor, alg: str
) -> None:
    name = f"userinfo-{alg.lower()}"
    visitor.agrees(name)
    portal = add_portal(shared, name, userinfo_signed_response_alg=alg)
    tokens = tokens_of(portal, visitor)

    answer = userinfo(shared, tokens["access_token"])

    header, claims = read(shared, answer.text)
    assert answer.content_type.startswith("application/jwt")
    assert header["alg"] == alg
    assert (claims["iss"], claims["aud"]) == (ISSUER, name)
    assert claims["sub"] == portal.claims(tokens["id_token"])["sub"]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_core_5_3_a_portal_in_a_browser_may_read_it(
    shared: House, portal: PortalClient, visitor: Visitor, method: str
) -> None:
    answer = userinfo(shared, tokens_of(portal, visitor)["access_token"], method)

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
