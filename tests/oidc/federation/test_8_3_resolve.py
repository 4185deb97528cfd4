"""The resolve endpoint: what a federation says about an entity, in our words (section 8.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from idp.oidc.federation.chains import from_tokens
from tests.oidc.federation.conftest import Build
from tests.oidc.federation.test_7_trust_marks import KIND, give
from tests.support.federation import ANCHOR, ISSUER, MINISTRY, PORTAL, SECONDS, Standard, new_key
from tests.support.house import House

RP = "openid_relying_party"


def ask(house: House, **query: Any) -> TestResponse:
    found = {"sub": PORTAL, "trust_anchor": ANCHOR, **query}
    kept = {name: value for name, value in found.items() if value is not None}
    return house.app.test_client().get("/federation/resolve", query_string=kept)


def claims(house: House, answer: TestResponse) -> dict[str, Any]:
    """What we said, proven by our federation keys."""
    keys = _keys(house.app.test_client().get("/.well-known/openid-federation").text)
    found = jwt.decode(answer.text, keys, algorithms=["ES256"])
    assert found.header["typ"] == "resolve-response+jwt"
    assert found.header["kid"] in {key.kid for key in keys.keys}
    return dict(found.claims)


def _keys(token: str) -> KeySet:
    return KeySet.import_key_set(json.loads(jws.extract_compact(token.encode()).payload)["jwks"])


def test_8_3_2_it_answers_with_metadata_and_the_whole_chain(house: House, world: Standard) -> None:
    policy = {RP: {"scope": {"value": "openid"}}}
    world.ministry.about[PORTAL] = {"metadata_policy": policy}

    answer = ask(house)

    found = claims(house, answer)
    assert answer.headers["Content-Type"] == "application/resolve-response+jwt"
    assert (found["iss"], found["sub"], found["iat"]) == (ISSUER, PORTAL, SECONDS)
    assert found["exp"] == SECONDS + 3600
    assert found["metadata"][RP]["scope"] == "openid"
    assert "aud" not in found
    chain = from_tokens(found["trust_chain"], PORTAL, world.web.anchors(), now=SECONDS)
    assert chain.configuration
    assert chain.metadata == found["metadata"]


def test_8_3_the_address_stands_in_our_own_statement(house: House) -> None:
    token = house.app.test_client().get("/.well-known/openid-federation").text
    found = jwt.decode(token, _keys(token), algorithms=["ES256"]).claims

    entity = found["metadata"]["federation_entity"]
    assert entity["federation_resolve_endpoint"] == f"{ISSUER}/federation/resolve"


def test_8_3_1_only_the_entity_types_that_were_asked_for(house: House) -> None:
    def types(*wanted: str) -> set[str]:
        return set(claims(house, ask(house, entity_type=list(wanted)))["metadata"])

    assert types(RP) == {RP}
    assert types("openid_provider") == set()
    assert types("openid_provider", RP) == {RP}


def test_8_3_1_any_of_several_anchors_will_do(house: House) -> None:
    answer = ask(house, trust_anchor=["https://other.example", ANCHOR])

    assert answer.status_code == 200


def test_an_intermediate_is_resolved_as_well(house: House) -> None:
    found = claims(house, ask(house, sub=MINISTRY))

    assert found["metadata"]["federation_entity"]["federation_fetch_endpoint"]


def test_8_3_2_only_marks_that_hold_are_shown(house: House, world: Standard) -> None:
    world.anchor.own["trust_mark_issuers"] = {KIND: [MINISTRY]}
    give(world, world.ministry, exp=SECONDS + 90)
    give(world, world.ministry, key=new_key())
    give(world, world.portal)

    found = claims(house, ask(house))

    good = world.portal.own["trust_marks"][0]
    assert found["trust_marks"] == [good]
    assert found["exp"] == SECONDS + 90


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({"sub": None}, 400, "invalid_request"),
        ({"sub": ""}, 400, "invalid_request"),
        ({"sub": [PORTAL, MINISTRY]}, 400, "invalid_request"),
        ({"trust_anchor": None}, 400, "invalid_request"),
        ({"trust_anchor": ""}, 400, "invalid_request"),
        ({"trust_anchor": ["x"] * 30}, 400, "invalid_request"),
        ({"trust_anchor": "https://other.example"}, 404, "invalid_trust_anchor"),
        ({"trust_anchor": MINISTRY}, 404, "invalid_trust_anchor"),
        ({"sub": "x"}, 404, "invalid_subject"),
        ({"sub": "file:///etc/passwd"}, 404, "invalid_subject"),
        ({"sub": "http://169.254.169.254"}, 404, "invalid_subject"),
        ({"sub": f"{PORTAL}?a=1"}, 404, "invalid_subject"),
        ({"sub": "https://" + "a" * 2000}, 404, "invalid_subject"),
        ({"sub": "https://nobody.example"}, 400, "invalid_trust_chain"),
        ({"sub": "https://[::1"}, 404, "invalid_subject"),
        ({"sub": ANCHOR}, 404, "invalid_trust_anchor"),
    ],
    ids=str,
)
def test_8_9_what_cannot_be_answered_is_told(
    house: House, query: dict[str, Any], status: int, error: str
) -> None:
    answer = ask(house, **query)

    assert (answer.status_code, answer.get_json()["error"]) == (status, error)


def test_10_5_a_federation_that_is_down_is_told(house: House, world: Standard) -> None:
    world.web.down.add(MINISTRY)

    answer = ask(house)

    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")


def test_8_9_an_address_that_anybody_may_send_and_nobody_answers_is_no_fault_of_ours(
    house: House, world: Standard
) -> None:
    strangers = ["https://169.254.169.254", "https://x.invalid"]
    world.web.down |= {PORTAL, *strangers}

    answers = [ask(house, sub=each) for each in (PORTAL, *strangers)]

    assert {(each.status_code, each.get_json()["error"]) for each in answers} == {
        (404, "invalid_subject")
    }


def test_18_1_strangers_have_a_budget(build: Build) -> None:
    house = build(per_network_minute=3)

    statuses = [ask(house).status_code for _ in range(5)]

    assert statuses == [200, 200, 200, 503, 503]


def test_asking_registers_nobody(house: House) -> None:
    ask(house)

    assert house.app.extensions["idp.house"].clients.find(PORTAL) is None
