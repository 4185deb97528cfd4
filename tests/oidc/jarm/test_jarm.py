"""JWT Secured Authorization Response Mode: signed answers, and encrypted ones."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, RSAKey

from idp.domain.clients import ContentEnc, KeyAlg
from tests.support.house import House, answer_of
from tests.support.portal_kit import (
    ISSUER,
    Program,
    Visitor,
    add_program,
    claims_of,
    posted_fields,
)
from tests.support.portals import read

MODES = ["jwt", "query.jwt", "form_post.jwt"]


@pytest.fixture(scope="module")
def program(shared: House, visitor: Visitor) -> Program:
    visitor.agrees("jarm")
    return add_program(shared, "jarm")


def encrypted_program(
    shared: House, visitor: Visitor, client_id: str, key: Any, **metadata: Any
) -> Program:
    visitor.agrees(client_id)
    signing = ECKey.generate_key("P-256", {"use": "sig"})
    public = {**key.as_dict(private=False), "use": "enc", "kid": "for-us"}
    keys = {"keys": [{**signing.as_dict(private=False), "use": "sig"}, public]}
    made = add_program(shared, client_id, jwks=keys, **metadata)
    made.key = signing
    return made


def response(program: Program, visitor: Visitor, mode: str, **changes: str) -> str:
    """The one parameter that comes back."""
    pushed = program.push(response_mode=mode, state="s", **changes).get_json()["request_uri"]
    page = visitor.visits(program.client_id, pushed)
    found = posted_fields(page) if mode == "form_post.jwt" else answer_of(page)
    assert set(found) == {"response"}
    return found["response"]


@pytest.mark.parametrize("mode", MODES)
def test_jarm_2_1_the_answer_is_one_jwt_for_the_client(
    shared: House, program: Program, visitor: Visitor, mode: str
) -> None:
    header, claims = read(shared, response(program, visitor, mode))

    assert header["alg"] == "ES256"
    assert set(claims) == {"iss", "aud", "exp", "code", "state"}
    assert (claims["iss"], claims["aud"], claims["state"]) == (ISSUER, "jarm", "s")
    assert 0 < claims["exp"] - program.seconds <= 600


@pytest.mark.parametrize("mode", MODES)
def test_jarm_2_1_so_is_an_error(
    shared: House, program: Program, visitor: Visitor, mode: str
) -> None:
    stranger = Visitor(shared, shared.app.test_client(), visitor.account_id, visitor.session_id)

    claims = claims_of(shared, response(program, stranger, mode, prompt="none"))

    assert set(claims) == {"iss", "aud", "exp", "error", "error_description", "state"}
    assert claims["error"] == "login_required"


def test_jarm_2_1_the_code_inside_is_good(
    shared: House, program: Program, visitor: Visitor
) -> None:
    code = claims_of(shared, response(program, visitor, "jwt"))["code"]

    assert program.redeem(code).status_code == 200


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA", "RS256"])
def test_jarm_3_the_client_chooses_the_algorithm(shared: House, visitor: Visitor, alg: str) -> None:
    visitor.agrees(f"jarm-{alg}")
    program = add_program(
        shared, f"jarm-{alg}", profile="standard", dpop_bound_access_tokens=False,
        authorization_signed_response_alg=alg,
    )  # fmt: skip

    header, claims = read(shared, response(program, visitor, "jwt"))

    assert (header["alg"], claims["iss"]) == (alg, ISSUER)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("alg", "enc"),
    [("RSA-OAEP-256", "A256GCM"), ("ECDH-ES", None), ("ECDH-ES+A256KW", "A256CBC-HS512")],
)
def test_jarm_2_2_the_signed_answer_is_encrypted_where_the_client_registered_so(
    shared: House, visitor: Visitor, mode: str, alg: str, enc: str | None
) -> None:
    key = RSAKey.generate_key(2048) if alg.startswith("RSA") else ECKey.generate_key("P-256")
    name = f"{mode}-{alg}".replace("+", "-")  # it becomes a host name
    asked = {"authorization_encrypted_response_alg": alg}
    asked |= {"authorization_encrypted_response_enc": enc} if enc else {}
    program = encrypted_program(shared, visitor, name, key, **asked)

    opened = jwe.decrypt_compact(
        response(program, visitor, mode),
        key,
        registry=JWERegistry(algorithms=[*KeyAlg, *ContentEnc]),
    )

    expected = {"alg": alg, "enc": enc or "A128CBC-HS256", "kid": "for-us", "cty": "JWT"}
    assert expected.items() <= dict(opened.headers()).items()
    assert claims_of(shared, (opened.plaintext or b"").decode())["aud"] == name


def test_jarm_2_2_without_a_key_that_fits_nothing_is_answered_in_clear(
    shared: House, visitor: Visitor
) -> None:
    program = add_program(shared, "nokey", authorization_encrypted_response_alg="RSA-OAEP")
    visitor.agrees("nokey")

    for changes in ({}, {"prompt": "none"}):
        pushed = program.push(response_mode="jwt", **changes).get_json()["request_uri"]
        page = visitor.visits("nokey", pushed)

        assert (page.status_code, "Location" in page.headers) == (400, False)


def test_jarm_2_2_nobody_signs_in_for_an_answer_that_cannot_be_sent(shared: House) -> None:
    program = add_program(shared, "nokey2", authorization_encrypted_response_alg="RSA-OAEP")
    pushed = program.push(response_mode="jwt").get_json()["request_uri"]
    query = {"client_id": "nokey2", "request_uri": pushed}

    assert shared.app.test_client().get("/authorize", query_string=query).status_code == 400


def test_jarm_4_discovery_says_what_can_be_asked_for(shared: House) -> None:
    found = shared.app.test_client().get("/.well-known/openid-configuration").get_json()

    assert set(MODES) <= set(found["response_modes_supported"])
    assert {"ES256", "PS256"} <= set(found["authorization_signing_alg_values_supported"])
    assert "RSA-OAEP-256" in found["authorization_encryption_alg_values_supported"]
    assert "A256GCM" in found["authorization_encryption_enc_values_supported"]
    assert "RSA1_5" not in found["authorization_encryption_alg_values_supported"]


def test_jarm_2_3_an_unknown_mode_is_an_error(program: Program) -> None:
    for mode in ("fragment.jwt", "web_message", "JWT", "jwt "):
        assert program.push(response_mode=mode).get_json()["error"] == "invalid_request"
