"""JSON (RFC 8259) where a specification wants a text, and everything else: never an accident.

Whatever stands in a header, a claim or metadata, the answer is one of the protocol's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from idp.config import RegistrationMode
from idp.oidc.client_metadata import KNOWN
from tests.support.house import House, answer_of
from tests.support.portal_kit import (
    Program,
    Visitor,
    add_program,
    open_plain_house,
    sign_in,
)

STRANGE: list[Any] = [
    [], {}, [[]], [{}], {"a": 1}, [1], ["a", "a"], True, False, 0, -1, 1.5, 1e300, 2**63, 2**80,
    "", " ", "\0", "a" * 3000, "\ud800", "é", "None", "https://[", "urn:x", "{", 10**9,
]  # fmt: skip
ASSERTED = ["iss", "sub", "aud", "jti", "iat", "nbf", "exp"]
ASKED = [
    "iss", "aud", "nbf", "exp", "iat", "jti", "sub", "client_id", "response_type", "redirect_uri",
    "response_mode", "scope", "state", "nonce", "prompt", "max_age", "acr_values", "claims",
    "login_hint", "id_token_hint", "ui_locales", "claims_locales", "display", "resource",
    "code_challenge", "code_challenge_method", "dpop_jkt", "request", "request_uri", "registration",
    "authorization_details", "anything",
]  # fmt: skip
PROVED = ["jti", "htm", "htu", "iat", "nbf", "exp", "ath", "nonce"]
HEADERS = ["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "x5u", "x5t#S256", "cty", "zip"]


@pytest.fixture(scope="module")
def house(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everybody may register there."""
    built = open_plain_house(
        sqlite_template,
        tmp_path_factory.mktemp("types"),
        oidc={"registration": RegistrationMode.OPEN},
    )
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def program(house: House) -> Program:
    return add_program(house, "types", profile="standard", dpop_bound_access_tokens=False)


@pytest.fixture(scope="module")
def person(house: House) -> Visitor:
    return sign_in(house, "types")


@pytest.mark.parametrize("name", ASSERTED)
def test_rfc7523_3_a_claim_of_any_type_is_answered(program: Program, name: str) -> None:
    for value in STRANGE:
        answer = program.push_with(program.assertion(**{name: value}))

        assert answer.status_code in {201, 401}, (name, value)


@pytest.mark.parametrize("name", HEADERS)
def test_rfc7515_4_a_header_of_any_type_is_answered(program: Program, name: str) -> None:
    for value in STRANGE:
        header = {name: value}
        asserted = program.push_with(program.assertion(header=header))
        asked = program.push(request=program.request_object(header=header))

        assert asserted.status_code in {201, 401}, (name, value)
        assert asked.status_code in {201, 400}, (name, value)


@pytest.mark.parametrize("name", ASKED)
def test_rfc9101_6_a_parameter_of_any_type_is_answered(
    program: Program, person: Visitor, name: str
) -> None:
    for value in STRANGE:
        token = program.request_object(**{name: value})
        pushed = program.push(request=token)
        shown = person.client.get(program.plain_request(request=token))

        assert pushed.status_code in {201, 400}, (name, value)
        assert shown.status_code in {200, 303, 400}, (name, value)
        if shown.status_code == 303 and "?" in shown.headers["Location"]:
            assert {"code", "error"} & set(answer_of(shown)), (name, value)


@pytest.mark.parametrize("name", PROVED)
def test_rfc9449_4_2_a_claim_of_any_type_is_answered(program: Program, name: str) -> None:
    for value in STRANGE:
        answer = program.push(proof=program.proof("/par", **{name: value}))

        assert answer.status_code in {201, 400}, (name, value)


@pytest.mark.parametrize("name", ["kty", "crv", "x", "y", "alg", "use", "kid", "key_ops", "x5c"])
def test_rfc7517_4_a_key_of_any_type_is_answered(program: Program, name: str) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    for value in STRANGE:
        header = {"jwk": {**key, name: value}}
        answer = program.push(proof=program.proof("/par", header=header))

        assert answer.status_code in {201, 400}, (name, value)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_rfc7591_2_metadata_of_any_type_is_answered(house: House, name: str) -> None:
    client, network = house.app.test_client(), sorted(KNOWN).index(name)
    for value in STRANGE:
        body = json.dumps({"redirect_uris": ["https://rp.example.vn/cb"], name: value})
        answer = client.post(
            "/connect/register",
            data=body,
            content_type="application/json",
            headers={"X-Forwarded-For": f"198.51.{network}.7"},
        )

        assert answer.status_code in {201, 400}, (name, value)
        assert answer.status_code == 201 or answer.get_json()["error"], (name, value)


@pytest.mark.parametrize("place", ["id_token", "userinfo"])
@pytest.mark.parametrize("name", ["acr", "sub", "auth_time", "name", "verified_claims", "email#vi"])
def test_core_5_5_a_claim_request_of_any_type_is_answered(
    program: Program, person: Visitor, place: str, name: str
) -> None:
    members = ["essential", "value", "values"]
    shapes = [*STRANGE, *({member: value} for member in members for value in STRANGE)]
    for shape in shapes:
        claims = json.dumps({place: {name: shape}})
        answer = person.client.get(program.plain_request(claims=claims))

        assert answer.status_code == 303, shape
        assert answer.headers["Location"].startswith(("/", program.redirect_uri)), shape
