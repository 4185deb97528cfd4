"""ID tokens (OpenID Connect Core, 2, 3.1.3 and 12.2): what stands in them, whenever they come."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from idp.domain.subjects import IdNumber
from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor, later, sign_in
from tests.support.portals import read

ALGORITHMS = {"ES256": "sha256", "RS256": "sha256", "PS256": "sha256", "EdDSA": "sha512"}


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("tokens")
    return add_portal(shared, "tokens")


def tokens_of(portal: PortalClient, visitor: Visitor, **changes: str | None) -> dict[str, Any]:
    code = answer_of(visitor.client.get(portal.request(**changes)))["code"]
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


def test_core_2_every_claim_that_is_required_is_there(
    portal: PortalClient, visitor: Visitor
) -> None:
    claims = portal.claims(tokens_of(portal, visitor)["id_token"])

    assert (claims["iss"], claims["aud"], claims["azp"]) == (ISSUER, "tokens", "tokens")
    assert claims["sub"].isascii()
    assert 0 < len(claims["sub"]) <= 255
    assert claims["auth_time"] <= claims["iat"] < claims["exp"] <= claims["iat"] + 600
    assert all(isinstance(claims[name], int) for name in ("iat", "exp", "auth_time"))
    assert isinstance(claims["amr"], list)


def test_core_2_it_names_its_key_and_brings_none(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    header, _ = read(shared, tokens_of(portal, visitor)["id_token"])

    assert set(header) == {"alg", "kid", "typ"}


def test_core_5_4_it_says_nothing_about_the_person_but_sub(
    portal: PortalClient, visitor: Visitor
) -> None:
    claims = portal.claims(tokens_of(portal, visitor, scope="openid profile email")["id_token"])

    assert set(claims) == {
        "iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid",
        "at_hash",
    }  # fmt: skip


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_core_3_1_3_6_it_is_signed_as_registered_and_at_hash_is_of_that_hash(
    shared: House, visitor: Visitor, alg: str
) -> None:
    name = f"signed-{alg.lower()}"
    visitor.agrees(name)
    portal = add_portal(shared, name, id_token_signed_response_alg=alg)

    tokens = tokens_of(portal, visitor)

    header, claims = read(shared, tokens["id_token"])
    digest = hashlib.new(ALGORITHMS[alg], tokens["access_token"].encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    assert (header["alg"], claims["at_hash"]) == (alg, half)


def test_core_15_1_rs256_is_what_nobody_asked_to_change(shared: House, visitor: Visitor) -> None:
    visitor.agrees("plain")
    portal = add_portal(shared, "plain", id_token_signed_response_alg=None)

    header, _ = read(shared, tokens_of(portal, visitor)["id_token"])

    assert header["alg"] == "RS256"


def test_core_3_1_3_3_the_answer_of_the_code_flow(portal: PortalClient, visitor: Visitor) -> None:
    found = tokens_of(portal, visitor)

    assert found["token_type"] == "Bearer"
    assert set(found) == {
        "access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token",
    }  # fmt: skip


# --- 8: subjects ----------------------------------------------------------------------------------


def test_core_8_1_two_portals_cannot_compare_what_they_call_a_person(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    visitor.agrees("elsewhere")
    other = add_portal(shared, "elsewhere")

    one = portal.claims(tokens_of(portal, visitor)["id_token"])
    two = other.claims(tokens_of(other, visitor)["id_token"])

    assert one["sub"] != two["sub"]
    assert one["sid"] != two["sid"]


def test_core_8_a_public_subject_is_the_same_everywhere(shared: House, visitor: Visitor) -> None:
    subs = set()
    for name in ("public-a", "public-b"):
        visitor.agrees(name)
        portal = add_portal(shared, name, subject_type="public")
        subs.add(portal.claims(tokens_of(portal, visitor)["id_token"])["sub"])

    assert len(subs) == 1


def test_core_5_7_a_subject_stays_over_sign_ins_and_differs_between_people(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    again = sign_in(shared, "tokens", id_numbers=_numbers("001072000199"))

    subs = [portal.claims(tokens_of(portal, visitor)["id_token"])["sub"] for _ in range(2)]

    assert len(set(subs)) == 1
    assert portal.claims(tokens_of(portal, again)["id_token"])["sub"] not in subs


# --- 12.2: after a refresh ------------------------------------------------------------------------


def test_core_12_2_a_refreshed_token_tells_of_the_same_sign_in(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    first = tokens_of(portal, visitor)
    with later(shared, seconds=60):
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = portal.token(**form).get_json()

        before, after = (portal.claims(each["id_token"]) for each in (first, second))

    kept = ("iss", "sub", "aud", "azp", "auth_time", "acr", "amr", "sid")
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}
    assert after["iat"] == before["iat"] + 60
    assert "nonce" not in after
    assert after["at_hash"] != before["at_hash"]


def _numbers(text: str) -> Any:
    return (IdNumber.parse(text),)
