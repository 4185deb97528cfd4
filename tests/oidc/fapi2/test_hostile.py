"""FAPI 2.0 Security Profile: what a program gets wrong is refused with the RFC's code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.support import house as houses
from tests.support.house import House, answer_of
from tests.support.portal_kit import ISSUER, Program, add_program, signed

DEEP = b'{"a":' + b"[" * 6000 + b"]" * 6000 + b"}"


@pytest.fixture(scope="module")
def program(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("fapi2")
    shutil.copy(sqlite_template, folder / "idp.sqlite")
    house: House = houses.build(f"sqlite:///{folder / 'idp.sqlite'}", folder)
    yield add_program(house)
    house.database.close()


# --- client assertions ----------------------------------------------------------------------------

WRONG_ASSERTIONS: dict[str, dict[str, Any]] = {
    "aud is a list": {"aud": [ISSUER]},
    "aud is the token endpoint": {"aud": f"{ISSUER}/token"},
    "aud is missing": {"aud": None},
    "iss is another": {"iss": "somebody"},
    "sub is another": {"sub": "somebody"},
    "sub is a number": {"sub": 7},
    "exp is missing": {"exp": None},
    "exp is over": {"exp": 1},
    "exp is negative": {"exp": -1},
    "exp is far": {"exp": 4102444800},
    "exp is endless": {"exp": float("inf")},
    "exp is no number": {"exp": float("nan")},
    "exp is text": {"exp": "4102444800"},
    "exp is true": {"exp": True},
    "iat is in the future": {"iat": 4102444800},
    "nbf is in the future": {"nbf": 4102444800},
    "jti is missing": {"jti": None},
    "jti is empty": {"jti": ""},
    "jti is a number": {"jti": 1},
    "jti is huge": {"jti": "j" * 5000},
    "jti is half a character": {"jti": "\ud800"},
}
WRONG_HEADERS: dict[str, dict[str, Any]] = {
    "alg none": {"alg": "none"},
    "alg RS256": {"alg": "RS256"},
    "alg HS256": {"alg": "HS256"},
    "alg is a number": {"alg": 1},
    "crit": {"crit": ["b64"], "b64": False},
    "typ of another kind": {"typ": "dpop+jwt"},
    "alg is a list": {"alg": ["ES256"]},
    "alg is an object": {"alg": {}},
    "alg is null": {"alg": None},
    "typ is a list": {"typ": ["JWT"]},
    "typ is a number": {"typ": 1},
    "kid is a list": {"kid": ["a"]},
    "kid is a path": {"kid": "../../etc/passwd"},
    "kid is SQL": {"kid": "' OR 1=1 --"},
}


@pytest.mark.parametrize("changes", WRONG_ASSERTIONS.values(), ids=WRONG_ASSERTIONS.keys())
def test_rfc7523_3_a_wrong_assertion_is_invalid_client(
    program: Program, changes: dict[str, Any]
) -> None:
    answer = program.push_with(program.assertion(**changes))

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("header", WRONG_HEADERS.values(), ids=WRONG_HEADERS.keys())
def test_rfc8725_3_1_a_wrong_header_is_invalid_client(
    program: Program, header: dict[str, Any]
) -> None:
    answer = program.push_with(program.assertion(header=header))

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_rfc8725_3_10_a_key_in_the_header_is_not_believed(program: Program) -> None:
    stranger = Program(program.house, program.client_id, "", ECKey.generate_key("P-256"))
    header = {"jwk": stranger.key.as_dict(private=False), "jku": "https://evil.example/jwks"}

    answer = program.push_with(stranger.assertion(header=header))

    assert answer.get_json()["error"] == "invalid_client"


def test_rfc8725_2_1_a_public_key_is_no_shared_secret(program: Program) -> None:
    secret = program.key.as_pem(private=False)
    claims = json.dumps({"iss": program.client_id, "sub": program.client_id}).encode()

    answer = program.push_with(signed(secret, {"alg": "HS256"}, claims))

    assert answer.get_json()["error"] == "invalid_client"


@pytest.mark.parametrize("text", ["x", "..", "a.b.c", "é.é.é", "a.b.c.d.e", "e30.e30.", "\0" * 9])
def test_rfc7523_3_what_is_no_jwt_is_invalid_client(program: Program, text: str) -> None:
    assert program.push_with(text).get_json()["error"] == "invalid_client"


@pytest.mark.parametrize("payload", [DEEP, b"[]", b"", b"\xff", b'{"a":1e400}', b"null"])
def test_rfc7519_7_2_claims_that_cannot_be_read_are_invalid_client(
    program: Program, payload: bytes
) -> None:
    token = signed(program.key, {"alg": "ES256"}, payload)

    assert program.push_with(token).get_json()["error"] == "invalid_client"


def test_fapi2_5_3_2_1_an_assertion_is_used_once(program: Program) -> None:
    assertion = program.assertion()

    answers = [program.push_with(assertion).status_code for _ in range(3)]

    assert answers == [201, 401, 401]


# --- proofs ---------------------------------------------------------------------------------------

WRONG_PROOFS: dict[str, dict[str, Any]] = {
    "htm": {"htm": "GET"},
    "htm is missing": {"htm": None},
    "htu": {"htu": f"{ISSUER}/token"},
    "htu has a user": {"htu": "http://me@localhost:8000/par"},
    "htu is no address": {"htu": "http://[::1"},
    "htu is a number": {"htu": 1},
    "iat is old": {"iat": 1},
    "iat is in the future": {"iat": 4102444800},
    "iat is missing": {"iat": None},
    "iat is endless": {"iat": float("inf")},
    "iat is no number": {"iat": float("nan")},
    "jti is missing": {"jti": None},
    "jti is huge": {"jti": "j" * 5000},
    "jti is half a character": {"jti": "\ud800"},
    "typ": {"header": {"typ": "JWT"}},
    "typ is a list": {"header": {"typ": ["dpop+jwt"]}},
    "jwk has a list for a kind": {"header": {"jwk": {"kty": ["EC"]}}},
    "alg none": {"header": {"alg": "none"}},
    "alg RS256": {"header": {"alg": "RS256"}},
    "no jwk": {"header": {"jwk": None}},
    "jwk is empty": {"header": {"jwk": {}}},
    "jwk is no point": {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}},
    "jwk is a secret": {"header": {"jwk": {"kty": "oct", "k": "AA"}}},
    "crit": {"header": {"crit": ["x"], "x": 1}},
}


@pytest.mark.parametrize("changes", WRONG_PROOFS.values(), ids=WRONG_PROOFS.keys())
def test_rfc9449_4_3_a_wrong_proof_is_invalid_dpop_proof(
    program: Program, changes: dict[str, Any]
) -> None:
    answer = program.push(proof=program.proof("/par", **changes))

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_dpop_proof")


def test_rfc9449_4_3_a_private_key_in_the_header_is_refused(program: Program) -> None:
    jwk = program.dpop_key.as_dict(private=True)

    answer = program.push(proof=program.proof("/par", header={"jwk": jwk}))

    assert answer.get_json()["error"] == "invalid_dpop_proof"


def test_rfc9449_11_1_a_proof_is_used_once(program: Program) -> None:
    proof = program.proof("/par")

    answers = [program.push(proof=proof).status_code for _ in range(2)]

    assert answers == [201, 400]


# --- requests -------------------------------------------------------------------------------------


def test_rfc9126_2_2_a_pushed_request_is_named_and_short_lived(program: Program) -> None:
    answer = program.push()

    assert answer.status_code == 201
    assert answer.get_json()["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert 5 <= answer.get_json()["expires_in"] < 600
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
        {"max_age": "-1"},
        {"claims": "[" * 6000},
        {"prompt": "none login"},
    ],
    ids=str,
)
def test_rfc9126_2_3_a_wrong_request_is_refused_at_once(
    program: Program, changes: dict[str, str]
) -> None:
    answer = program.push(**changes)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_fapi2_5_3_2_2_a_request_that_was_not_pushed_is_refused(program: Program) -> None:
    query = {
        "client_id": program.client_id,
        "redirect_uri": program.redirect_uri,
        "response_type": "code",
        "scope": "openid",
    }

    answer = program.house.app.test_client().get("/authorize", query_string=query)

    assert answer_of(answer)["error"] == "invalid_request"
    assert answer_of(answer)["iss"] == ISSUER


@pytest.mark.parametrize("path", ["/token", "/par", "/introspect", "/revoke"])
@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe", b"{}", b"a=1&a=2", b"client_id=%00", b"client_id=%ff", b"[[[[",
        b"client_id=a&client_secret=b&client_assertion=c", b"x" * 60000, b"&" * 5000,
    ],
)  # fmt: skip
def test_rfc6749_5_2_a_hostile_body_is_a_4xx_in_json(
    program: Program, path: str, body: bytes
) -> None:
    for kind in ("application/x-www-form-urlencoded", "application/json", ""):
        answer = program.house.app.test_client().post(path, data=body, content_type=kind)

        assert 400 <= answer.status_code < 500
        assert answer.get_json()["error"] in {"invalid_request", "invalid_client"}


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic é", "Basic /w==", "Basic YQ==", "Bearer x", "Negotiate x", "Basic %%%"],
)
def test_rfc6749_5_2_a_hostile_header_is_invalid_client_with_a_challenge(
    program: Program, header: str
) -> None:
    answer = program.house.app.test_client().post(
        "/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": header},
    )

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "mc_", "mc_AAAA", "e30.e30.AA", "." * 99])
@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
def test_rfc6750_3_1_a_hostile_token_is_invalid_token(
    program: Program, scheme: str, token: str
) -> None:
    answer = program.house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"{scheme} {token}"}
    )

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_rfc6750_2_a_token_in_two_places_is_invalid_request(program: Program) -> None:
    answer = program.house.app.test_client().post(
        "/userinfo", data={"access_token": "a"}, headers={"Authorization": "Bearer a"}
    )

    assert answer.status_code == 400
