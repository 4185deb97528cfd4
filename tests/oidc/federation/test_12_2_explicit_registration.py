"""A portal hands its statement over and gets ours back (section 12.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idp.oidc.federation import jws
from idp.oidc.federation.jws import key_set
from idp.oidc.federation.statements import read
from tests.oidc.federation.conftest import Build, stored
from tests.support.federation import (
    ANCHOR,
    ISSUER,
    MINISTRY,
    PORTAL,
    SECONDS,
    STATEMENT,
    Standard,
    new_key,
)
from tests.support.house import House

URL = "/federation/register"
ANSWER = "explicit-registration-response+jwt"


def register(house: House, body: str, content_type: str = STATEMENT) -> Any:
    return house.app.test_client().post(URL, data=body, content_type=content_type)


def test_12_2_3_the_answer_says_what_was_registered(house: House, world: Standard) -> None:
    answer = register(house, world.portal.configuration(aud=ISSUER))

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == f"application/{ANSWER}"
    found = jws.read(answer.text, ANSWER)
    own = read(house.app.test_client().get("/.well-known/openid-federation").text, now=SECONDS)
    jws.verify(found, own.keys)
    claims = found.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, PORTAL, PORTAL)
    assert claims["trust_anchor"] == ANCHOR
    assert claims["authority_hints"] == [MINISTRY]
    assert claims["exp"] == SECONDS + 3600
    assert claims["metadata"]["openid_relying_party"]["client_id"] == PORTAL
    assert key_set(claims["jwks"]).keys[0].kid == world.portal.key.kid


def test_12_2_3_the_portal_is_a_client_afterwards(house: House, world: Standard) -> None:
    register(house, world.portal.configuration(aud=ISSUER))

    found = stored(house, PORTAL)
    assert found
    assert found["client_registration_types"] == ["explicit"]


def test_12_2_1_a_chain_may_be_handed_over(house: House, world: Standard) -> None:
    tokens = [world.portal.configuration(aud=ISSUER), *world.tokens()[1:]]

    answer = register(house, json.dumps(tokens), "application/trust-chain+json")

    assert answer.status_code == 200


def test_12_2_2_the_portals_own_address_is_not_asked(house: House, world: Standard) -> None:
    register(house, world.portal.configuration(aud=ISSUER))

    assert not [each for each in world.web.asked if each.startswith(PORTAL)]


@pytest.mark.parametrize("aud", [..., "https://other.example", [ISSUER], [ISSUER, "x"], None, 7])
def test_12_2_2_a_statement_for_somebody_else_registers_nothing(
    house: House, world: Standard, aud: Any
) -> None:
    answer = register(house, world.portal.configuration(aud=aud))

    assert answer.status_code == 400
    assert stored(house, PORTAL) is None
    assert not world.web.asked


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", STATEMENT), ("x", STATEMENT), ("é", STATEMENT), ("a.b.c", STATEMENT),
        ("{}", "application/json"), ("[]", "application/trust-chain+json"),
        ("{}", "application/trust-chain+json"), ("[1]", "application/trust-chain+json"),
        ("x" * 65_000, STATEMENT),
    ],
)  # fmt: skip
def test_12_2_4_what_is_no_statement_is_a_clear_error(
    house: House, body: str, content_type: str
) -> None:
    answer = register(house, body, content_type)

    assert 400 <= answer.status_code < 500
    assert answer.get_json()["error"]


def test_12_2_2_a_superiors_statement_registers_nobody(house: House, world: Standard) -> None:
    token = world.ministry.vouches_for(world.portal, aud=ISSUER)

    assert register(house, token).status_code == 400


def test_12_2_2_a_statement_with_a_wrong_signature_causes_no_fetch(
    house: House, world: Standard
) -> None:
    head, body, _ = world.portal.configuration(aud=ISSUER).split(".")
    tail = world.portal.configuration(aud=ISSUER, iat=SECONDS - 11).split(".")[2]

    assert register(house, f"{head}.{body}.{tail}").status_code == 400
    assert not world.web.asked


def test_12_2_2_a_key_that_the_superior_does_not_know_registers_nothing(
    house: House, world: Standard
) -> None:
    known, world.portal.key = world.portal.key, new_key()
    token = world.portal.configuration(aud=ISSUER)
    world.portal.key = known

    answer = register(house, token)

    assert answer.get_json()["error"] == "invalid_trust_chain"
    assert stored(house, PORTAL) is None


def test_12_2_4_metadata_that_we_do_not_take_is_an_error(house: House, world: Standard) -> None:
    world.portal.metadata["openid_relying_party"]["redirect_uris"] = ["http://x.example/cb"]

    answer = register(house, world.portal.configuration(aud=ISSUER))

    assert answer.get_json()["error"] == "invalid_metadata"


def test_18_1_registrations_have_the_budget_of_look_ups(build: Build, world: Standard) -> None:
    house = build(per_network_minute=2)

    answers = [register(house, world.portal.configuration(aud=ISSUER)) for _ in range(3)]

    assert [each.status_code for each in answers] == [200, 200, 503]
