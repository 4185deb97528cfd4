"""The ``claims`` parameter in the wrong hands (OpenID Connect Core 5.5; Identity Assurance 6;
CWE-400, CWE-20): whatever is asked for, no more is told than the person agreed to, nothing breaks
when it is given later, and a bomb is refused before it goes off.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor


def verified(**verification: Any) -> dict[str, Any]:
    about = {"trust_framework": None, **verification}
    return {"userinfo": {"verified_claims": {"verification": about, "claims": {"name": None}}}}


REFUSED: dict[str, str] = {
    "a list": "[]",
    "a text": '"x"',
    "a number": "1",
    "null": "null",
    "two objects": "{}{}",
    "a comment": "{/**/}",
    "single quotes": "{'userinfo':{}}",
    "a byte order mark": "\ufeff{}",
    "half a letter": '{"userinfo":{"name":{"value":"\\ud800"}}}',
    "a number past all powers": '{"id_token":{"sub":{"value":1e999}}}',
    "no number": '{"id_token":{"sub":{"value":NaN}}}',
    "a number past all bits": '{"id_token":{"sub":{"value":' + "9" * 4000 + "}}}",
    "a whole number that not all read alike": '{"id_token":{"sub":{"value":9007199254740994}}}',
    "endless depth": '{"a":' * 1000 + "1" + "}" * 1000,
    "depth in values": '{"userinfo":{"name":{"values":' + "[" * 40 + "]" * 40 + "}}}",
    "three hundred names": json.dumps({"userinfo": {f"c{n}": None for n in range(300)}}),
    "six hundred values": json.dumps({"id_token": {"sub": {"values": ["x"] * 600}}}),
    "userinfo that is a list": '{"userinfo":["name"]}',
    "userinfo that is a text": '{"userinfo":"name"}',
    "a claim that is true": '{"userinfo":{"name":true}}',
    "a claim that is a text": '{"userinfo":{"name":"x"}}',
    "essential that is text": '{"userinfo":{"name":{"essential":"true"}}}',
    "essential that is a number": '{"userinfo":{"name":{"essential":1}}}',
    "values that are no list": '{"userinfo":{"name":{"values":"x"}}}',
    "a level that is true": '{"id_token":{"acr":true}}',
    "verified claims that are empty": '{"userinfo":{"verified_claims":{}}}',
    "verified claims that are text": '{"userinfo":{"verified_claims":"x"}}',
    "verified claims without verification": '{"userinfo":{"verified_claims":{"claims":{}}}}',
    "verification that is a list": json.dumps(
        {"userinfo": {"verified_claims": {"verification": [], "claims": {"name": None}}}}
    ),
    "very long": json.dumps({"userinfo": {"name": {"value": "a" * 9000}}}),
}


@pytest.mark.parametrize("how", REFUSED)
@pytest.mark.parametrize("prompt", ["", "none"])
def test_core_5_5_claims_that_are_none_give_no_code(
    victim: Visitor, portal: PortalClient, how: str, prompt: str
) -> None:
    asked = portal.request(
        scope="openid", claims=REFUSED[how], **({"prompt": prompt} if prompt else {})
    )

    found = answer_of(victim.client.get(asked))

    assert found["error"] == "invalid_request"
    assert "code" not in found


HARMLESS: dict[str, Any] = {
    "members of nobody": {"__proto__": {"userinfo": {"name": None}}, "x": [1]},
    "names of nobody": {"userinfo": {"admin": None, "role": {"essential": True}, "": None}},
    "a name of ours that is none of the person": {"userinfo": {"client_id": None, "scope": None}},
    "what only an ID token says": {"userinfo": {"aud": None, "exp": {"value": 1}, "iss": None}},
    "another issuer": {"id_token": {"iss": {"value": "https://evil.example"}}},
    "another audience": {"id_token": {"aud": {"value": "evil"}, "azp": {"value": "evil"}}},
    "another end": {"id_token": {"exp": {"value": 4_000_000_000}, "iat": {"value": 1}}},
    "another nonce": {"id_token": {"nonce": {"value": "evil"}}},
    "another hash": {"id_token": {"at_hash": {"value": "evil"}, "c_hash": None}},
    "another session": {"id_token": {"sid": {"value": "evil"}}},
    "another way": {"id_token": {"amr": {"value": ["hwk"], "essential": True}}},
    "a level that is wished for": {"id_token": {"acr": {"value": "ial3"}}},
    "a fraction": {"id_token": {"auth_time": {"value": 1.5}}},
    "a value that is an object": {"userinfo": {"name": {"value": {"a": [1]}}}},
    "a value of every kind": {"userinfo": {"name": {"values": [None, 1, True, [], {}, "x"]}}},
    "a zero byte": {"userinfo": {"name": {"value": "\0"}, "\0": None}},
    "a tag without end": {"userinfo": {f"name#vi-{'x' * 3000}": None}},
    "a tag of bytes": {"userinfo": {"name#\0": None, "name#": None, "#vi": None}},
    "markup as a purpose": {"userinfo": {"name": {"purpose": "<script>alert(1)</script>"}}},
    "a framework of nobody": verified(trust_framework={"value": "\0"}),
    "a framework that is a list": verified(trust_framework={"values": ["x"]}),
    "an age that has passed": verified(time={"max_age": 1}),
    "a process of nobody": verified(verification_process={"value": "<b>"}),
}
PUBLIC = frozenset({"sub", "name", "birthdate", "gender", "locale", "updated_at"})


@pytest.fixture(scope="module")
def asking(target: House, victim: Visitor) -> PortalClient:
    """A portal that the person agreed to; it may see what the scope profile gives."""
    found = add_portal(target, "asking", scope="openid profile")
    victim.agrees("asking")
    return found


@pytest.mark.parametrize("how", HARMLESS)
@pytest.mark.parametrize("swapped", [False, True])
def test_core_5_5_no_wish_changes_what_a_token_says_about_itself(
    victim: Visitor, asking: PortalClient, how: str, swapped: bool
) -> None:
    """Asked for in either place, redeemed, and told: nothing breaks on the way."""
    places = {"userinfo": "id_token", "id_token": "userinfo"} if swapped else {}
    wishes = {places.get(name, name): value for name, value in HARMLESS[how].items()}
    asked = asking.request(scope="openid profile", claims=json.dumps(wishes), nonce="honest")

    page = victim.client.get(asked)
    found = answer_of(page)
    if "code" not in found:
        is_asked = page.headers["Location"].startswith("/consent/")  # for verified claims
        assert is_asked or found["error"] in {"invalid_request", "login_required"}
        return
    tokens = asking.redeems(found["code"])
    assert tokens.status_code == 200
    claims = asking.claims(tokens.get_json()["id_token"])
    bearer = {"Authorization": f"Bearer {tokens.get_json()['access_token']}"}
    told = asking.house.app.test_client().get("/userinfo", headers=bearer)

    assert (claims["aud"], claims["azp"], claims["nonce"]) == ("asking", "asking", "honest")
    assert (claims["iss"], claims["acr"]) == ("http://localhost:8000", "ial2")
    assert claims["exp"] - claims["iat"] == 300
    assert "evil" not in str(claims)
    assert told.status_code == 200
    assert {name.partition("#")[0] for name in told.get_json()} <= PUBLIC | {"verified_claims"}


BEYOND = [
    "id_number", "phone_number", "email", "address", "insurance_code", "tax_code", "agency_code",
    "account_kind", "representative", "phone_number_verified", "email_verified", "id_number_type",
]  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
@pytest.mark.parametrize("place", ["userinfo", "id_token"])
@pytest.mark.parametrize("member", [None, {"essential": True}], ids=str)
def test_core_5_5_nobody_gets_by_name_what_was_not_agreed_to(
    target: House, victim: Visitor, place: str, name: str, member: object
) -> None:
    """A person who agreed to less is asked, whatever the portal calls it."""
    portal = add_portal(target, f"more-{name.replace('_', '-')}-{place[0]}{bool(member)}")

    page = victim.client.get(
        portal.request(scope="openid", prompt="none", claims=json.dumps({place: {name: member}}))
    )

    assert answer_of(page)["error"] in {"consent_required", "interaction_required"}
