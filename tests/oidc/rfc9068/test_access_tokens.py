"""Access tokens: JWTs (RFC 9068), or sealed ones that say nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor, b64
from tests.support.portals import read

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("jwt")
    return add_portal(shared, "jwt", grant_types=GRANTS, id_token_signed_response_alg="RS256")


@pytest.fixture(scope="module")
def opaque(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("opaque")
    return add_portal(shared, "opaque", grant_types=GRANTS, access_token_format="opaque")


def token_of(portal: PortalClient, visitor: Visitor) -> str:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    found: str = portal.redeems(code).get_json()["access_token"]
    return found


def userinfo(house: House, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return house.app.test_client().get("/userinfo", headers=headers).status_code


def test_rfc9068_2_1_the_header_says_what_it_is(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    header, _ = read(shared, token_of(portal, visitor))

    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    assert header["kid"]


def test_rfc9068_2_2_the_claims_of_a_persons_token(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    _, claims = read(shared, token_of(portal, visitor))

    assert set(claims) == {
        "iss", "aud", "sub", "client_id", "scope", "iat", "exp", "jti", "auth_time", "acr"
    }  # fmt: skip
    assert (claims["iss"], claims["aud"], claims["client_id"]) == (ISSUER, ISSUER, "jwt")
    assert claims["scope"] == "openid profile identity"
    assert claims["exp"] - claims["iat"] == 300


def test_rfc9068_2_2_the_subject_of_a_clients_own_token_is_the_client(
    shared: House, portal: PortalClient
) -> None:
    token = portal.token(grant_type="client_credentials").get_json()["access_token"]

    _, claims = read(shared, token)

    assert (claims["sub"], claims["client_id"]) == ("jwt", "jwt")
    assert not {"auth_time", "acr"} & set(claims)


def test_rfc9068_5_it_says_nothing_about_the_person_but_sub(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    _, claims = read(shared, token_of(portal, visitor))

    assert "001072000136" not in json.dumps(claims)
    assert not {"name", "id_number", "birthdate", "phone_number", "email"} & set(claims)


def test_performance_7_two_tokens_of_one_second_differ(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    tokens = [read(shared, token_of(portal, visitor))[1]["jti"] for _ in range(5)]

    assert len(set(tokens)) == 5


def _changed(token: str, **claims: Any) -> str:
    header, body, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{header}.{b64(json.dumps({**found, **claims}).encode())}.{signature}"


def _headed(token: str, **header: Any) -> str:
    first, body, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    return f"{b64(json.dumps({**found, **header}).encode())}.{body}.{signature}"


def test_rfc9068_4_a_changed_token_is_refused(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = token_of(portal, visitor)
    first, body, signature = token.split(".")
    forged = [
        _changed(token, scope="openid profile identity phone"),
        _changed(token, exp=4102444800),
        _headed(token, alg="none"),
        _headed(token, alg="HS256"),
        _headed(token, typ="JWT"),
        _headed(token, kid="x"),
        _headed(token, kid="../../etc/passwd"),
        _headed(token, crit=["exp"]),
        _headed(token, jku="https://evil.example/"),
        f"{first}.{body}.",
        f"{first}.{body}.{signature[:-4]}",
        f"{first}.{body}.{signature}A",
        f"{first}.{body}.{b64(bytes(64))}",
        f"{first}.{body}.{signature}.x",
        f"{token}=",
        f" {token} x",
        token.upper(),
    ]

    assert {userinfo(shared, each) for each in forged} == {401}
    assert userinfo(shared, token) == 200


def test_rfc9068_4_tokens_of_other_kinds_are_refused(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    tokens = portal.redeems(code).get_json()
    own = portal.token(grant_type="client_credentials").get_json()["access_token"]

    for each in (tokens["id_token"], tokens["refresh_token"], code, own):
        assert userinfo(shared, each) == 401


def test_an_opaque_token_says_nothing_and_serves(
    shared: House, opaque: PortalClient, visitor: Visitor
) -> None:
    token = token_of(opaque, visitor)

    raw = base64.urlsafe_b64decode(token.removeprefix("mc_") + "==")
    assert b"openid" not in raw
    assert userinfo(shared, token) == 200


def test_a_changed_opaque_token_is_refused(
    shared: House, opaque: PortalClient, visitor: Visitor
) -> None:
    token = token_of(opaque, visitor)
    spoiled = [f"{token[:place]}{'A' if token[place] != 'A' else 'B'}{token[place + 1:]}"
               for place in (4, 20, len(token) // 2, len(token) - 3)]  # fmt: skip

    for each in (*spoiled, token[3:], f"mc_mc_{token[3:]}", f"{token}A", token[:-4], "mc_"):
        assert userinfo(shared, each) == 401


def test_a_code_is_no_opaque_token(shared: House, opaque: PortalClient, visitor: Visitor) -> None:
    code = answer_of(visitor.client.get(opaque.request()))["code"]

    assert userinfo(shared, f"mc_{code}") == 401
