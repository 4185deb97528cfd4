"""DPoP (RFC 9449): what binds a token to a key, and what a proof is good for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from idp.oidc.calls import Call
from idp.oidc.errors import InvalidDpopProofError
from idp.oidc.proof import Proofs
from idp.storage.single_use import SingleUse
from tests.support.house import House, answer_of
from tests.support.portal_kit import (
    CHALLENGE,
    MTLS,
    Program,
    Visitor,
    add_program,
    claims_of,
    open_house,
    open_plain_house,
    sign_in,
)

_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUk"
    "lDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUw"
    "Q2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
FIGURE_2 = (
    f"{_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV"
    "4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4"
    "PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
FIGURE_13 = (
    f"{_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5"
    "leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc"
    "05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6"
    "-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
ACCESS_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
"""Figures 2, 9, 12 and 13 of the RFC."""


@pytest.fixture(scope="module")
def program(shared: House, visitor: Visitor) -> Program:
    visitor.agrees("dpop")
    grants = ["authorization_code", "refresh_token", "client_credentials"]
    return add_program(shared, "dpop", grant_types=grants)


@pytest.fixture(scope="module")
def app(shared: House, visitor: Visitor) -> Program:
    """A program on a phone: it has nothing but its DPoP key."""
    visitor.agrees("app")
    return add_public(shared, "app")


def add_public(house: House, client_id: str) -> Program:
    return add_program(
        house, client_id, profile="standard", token_endpoint_auth_method="none", jwks=None
    )


@cache
def rsa_key(bits: int) -> RSAKey:
    return RSAKey.generate_key(bits)


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]


# --- the RFC's own examples ---------------------------------------------------------------------


def test_rfc9449_4_1_figure_2_is_a_good_proof_of_the_key_of_figure_9(shared: House) -> None:
    proofs = Proofs(("https://server.example.com",), SingleUse(shared.database))
    call = Call("POST", "/token", dpop=(FIGURE_2,))

    assert proofs.check(call, now=datetime.fromtimestamp(1562262616, UTC)) == THUMBPRINT


def test_rfc9449_7_1_figure_13_is_a_good_proof_for_its_access_token(shared: House) -> None:
    proofs = Proofs(("https://resource.example.org",), SingleUse(shared.database))
    call = Call("GET", "/protectedresource", dpop=(FIGURE_13,))
    now = datetime.fromtimestamp(1562262618, UTC)

    with pytest.raises(InvalidDpopProofError):
        proofs.check(call, now=now, token=f"{ACCESS_TOKEN}x")
    assert proofs.check(call, now=now, token=ACCESS_TOKEN) == THUMBPRINT


# --- proofs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alg", "make"),
    [
        ("ES256", lambda: ECKey.generate_key("P-256")),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519")),
        ("PS256", lambda: rsa_key(2048)),
        ("PS256", lambda: rsa_key(4096)),
    ],
    ids=["ES256", "EdDSA", "PS256 of 2048 bits", "PS256 of 4096 bits"],
)
def test_rfc9449_4_2_every_announced_alg_works_with_keys_of_any_size(
    shared: House, program: Program, alg: str, make: Any
) -> None:
    key: Key = make()

    answer = program.push(proof=program.proof("/par", key=key, header={"alg": alg}))

    discovery = shared.app.test_client().get("/.well-known/openid-configuration").get_json()
    assert answer.status_code == 201, answer.text
    assert alg in discovery["dpop_signing_alg_values_supported"]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    ("alg", "make"),
    [
        ("ES256", lambda: ECKey.generate_key("P-384")),
        ("ES256", lambda: ECKey.generate_key("secp256k1")),
        ("EdDSA", lambda: OKPKey.generate_key("Ed448")),
        ("EdDSA", lambda: OKPKey.generate_key("X25519")),
        ("PS256", lambda: rsa_key(1024)),
        ("RS256", lambda: rsa_key(2048)),
    ],
    ids=["P-384", "secp256k1", "Ed448", "X25519", "RSA of 1024 bits", "RS256"],
)
def test_rfc9449_4_3_a_key_that_does_not_fit_is_refused(
    program: Program, alg: str, make: Any
) -> None:
    key: Key = make()
    signer = key if key.as_dict().get("crv") != "X25519" else program.dpop_key

    answer = program.push(proof=program.proof("/par", key=key, signer=signer, header={"alg": alg}))

    assert error_of(answer) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("header", [{"x": 1}, {"kid": "a"}, {"cty": "x"}, {"iat": 5}], ids=str)
def test_rfc7515_4_what_a_header_says_besides_is_passed_over(
    program: Program, header: dict[str, Any]
) -> None:
    assert program.push(proof=program.proof("/par", header=header)).status_code == 201


@pytest.mark.parametrize("htu", ["HTTP://LOCALHOST:8000/par", "http://localhost:8000/par?a=1#b"])
def test_rfc9449_4_3_query_fragment_and_capitals_of_htu_do_not_count(
    program: Program, htu: str
) -> None:
    assert program.push(proof=program.proof("/par", htu=htu)).status_code == 201


def test_rfc9449_4_3_htu_may_name_the_address_for_certificates(program: Program) -> None:
    assert program.push(proof=program.proof("/par", htu=f"{MTLS}/par")).status_code == 201


def test_rfc9449_4_3_two_proofs_are_none(program: Program) -> None:
    headers = [("DPoP", program.proof("/token")), ("DPoP", program.proof("/token"))]

    answer = program.send("/token", headers, grant_type="client_credentials")

    assert error_of(answer) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(("seconds", "status"), [(-290, 201), (-310, 400), (50, 201), (70, 400)])
def test_rfc9449_11_1_a_proof_is_good_for_five_minutes(
    program: Program, seconds: int, status: int
) -> None:
    proof = program.proof("/par", iat=program.seconds + seconds)

    assert program.push(proof=proof).status_code == status


def test_rfc9449_11_1_of_fifty_uses_at_once_one_is_the_first(
    database_url: str, tmp_path: Path
) -> None:
    house = open_house(database_url, tmp_path)
    program = add_program(house, "dpop", grant_types=["client_credentials"], redirect_uris=[])
    proof = program.proof("/token")
    assertions = [program.assertion() for _ in range(50)]

    def use(assertion: str) -> int:
        form = {"grant_type": "client_credentials"}
        return program.post("/token", proof=proof, assertion=assertion, **form).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(use, assertions))
    house.database.close()

    assert sorted(answers) == [200] + [400] * 49


# --- tokens -------------------------------------------------------------------------------------


def test_rfc9449_5_the_token_is_bound_and_says_so(
    shared: House, program: Program, visitor: Visitor
) -> None:
    tokens = program.gets_tokens(visitor)

    assert tokens["token_type"] == "DPoP"
    expected = {"jkt": program.dpop_key.thumbprint()}
    assert claims_of(shared, tokens["access_token"])["cnf"] == expected


def test_rfc9449_5_a_client_that_registered_so_gets_no_token_without_a_proof(
    program: Program,
) -> None:
    answer = program.post("/token", grant_type="client_credentials")

    assert error_of(answer) == (400, "invalid_dpop_proof")


def test_rfc9449_5_the_refresh_token_of_an_app_is_bound_to_its_key(
    app: Program, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(app.plain_request()))["code"]
    refresh = app.redeem(code).get_json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}

    stolen = app.post("/token", proof=app.proof("/token", key=ECKey.generate_key("P-256")), **form)
    owner = app.post("/token", proof=app.proof("/token"), **form)

    assert error_of(stolen) == (400, "invalid_grant")
    assert owner.get_json()["token_type"] == "DPoP"


def test_rfc9449_6_1_introspection_tells_the_key(program: Program) -> None:
    token = program.post(
        "/token", proof=program.proof("/token"), grant_type="client_credentials"
    ).get_json()["access_token"]

    told = program.post("/introspect", token=token).get_json()

    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": program.dpop_key.thumbprint()})


# --- the resource -------------------------------------------------------------------------------


def test_rfc9449_7_1_userinfo_wants_the_key(program: Program, visitor: Visitor) -> None:
    token = program.gets_tokens(visitor)["access_token"]

    assert program.userinfo(token).get_json()["sub"]


WRONG_AT_USERINFO: dict[str, dict[str, Any]] = {
    "no ath": {"ath": None},
    "ath of another token": {"ath": "AAAA"},
    "htm": {"htm": "POST"},
    "htu": {"htu": "http://localhost:8000/token"},
    "another key": {"key": ECKey.generate_key("P-256")},
}


@pytest.mark.parametrize("changes", WRONG_AT_USERINFO.values(), ids=WRONG_AT_USERINFO.keys())
def test_rfc9449_7_1_a_wrong_proof_is_401_with_a_challenge(
    program: Program, visitor: Visitor, changes: dict[str, Any]
) -> None:
    token = program.gets_tokens(visitor)["access_token"]

    answer = program.userinfo(token, **changes)

    challenge = answer.headers["WWW-Authenticate"]
    assert answer.status_code == 401
    assert challenge.startswith("DPoP ")
    assert 'algs="ES256 PS256 EdDSA"' in challenge
    assert 'error="invalid_token"' in challenge or 'error="invalid_dpop_proof"' in challenge


def test_rfc9449_7_2_a_bound_token_is_no_bearer_token(program: Program, visitor: Visitor) -> None:
    token = program.gets_tokens(visitor)["access_token"]
    client = program.house.app.test_client()
    proof = program.proof("/userinfo", htm="GET")

    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {token}", "DPoP": proof},
        {"Authorization": f"DPoP {token}"},
    ):
        assert client.get("/userinfo", headers=headers).status_code == 401
    assert client.post("/userinfo", data={"access_token": token}).status_code == 401


def test_rfc9449_7_2_a_bearer_token_is_no_dpop_token(shared: House, visitor: Visitor) -> None:
    plain = add_program(shared, "bearer", profile="standard", dpop_bound_access_tokens=False)
    visitor.agrees("bearer")
    code = plain.gets_code(visitor)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": "v" * 64}
    token = plain.post("/token", redirect_uri=plain.redirect_uri, **form).get_json()["access_token"]

    assert plain.userinfo(token).status_code == 401


# --- nonces -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nonce_house(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("nonce")
    house = open_plain_house(sqlite_template, folder, oidc={"dpop_nonce": True})
    yield house
    house.database.close()


@pytest.fixture(scope="module")
def nonce_program(nonce_house: House) -> Program:
    grants = ["authorization_code", "client_credentials"]
    return add_program(nonce_house, "nonce", grant_types=grants)


def test_rfc9449_8_the_token_endpoint_gives_a_nonce_and_wants_it(nonce_program: Program) -> None:
    program = nonce_program
    form = {"grant_type": "client_credentials"}

    first = program.post("/token", proof=program.proof("/token"), **form)
    nonce = first.headers["DPoP-Nonce"]
    second = program.post("/token", proof=program.proof("/token", nonce=nonce), **form)

    assert error_of(first) == (400, "use_dpop_nonce")
    assert first.headers["Cache-Control"] == "no-store"
    assert second.status_code == 200


@pytest.mark.parametrize("nonce", ["", "x", "é", 5, None, ["a"], {"a": 1}], ids=repr)
def test_rfc9449_8_any_other_nonce_is_use_dpop_nonce(nonce_program: Program, nonce: object) -> None:
    answer = nonce_program.push(proof=nonce_program.proof("/par", nonce=nonce))

    assert error_of(answer) == (400, "use_dpop_nonce")


def test_rfc9449_9_the_resource_asks_for_its_nonce_by_a_challenge(
    nonce_house: House, nonce_program: Program
) -> None:
    program = nonce_program
    visitor = sign_in(nonce_house, "nonce")
    nonce = program.push(proof=program.proof("/par")).headers["DPoP-Nonce"]
    code = program.gets_code(visitor)
    token = program.redeem(code, proof=program.proof("/token", nonce=nonce)).get_json()

    asked = program.userinfo(token["access_token"])
    given = program.userinfo(token["access_token"], nonce=asked.headers["DPoP-Nonce"])

    assert (asked.status_code, given.status_code) == (401, 200)
    assert 'error="use_dpop_nonce"' in asked.headers["WWW-Authenticate"]


def test_rfc9449_8_2_a_nonce_of_an_hour_ago_is_over(sqlite_template: Path, tmp_path: Path) -> None:
    house = open_plain_house(sqlite_template, tmp_path, oidc={"dpop_nonce": True})
    program = add_program(house, "nonce")
    nonce = program.push(proof=program.proof("/par")).headers["DPoP-Nonce"]
    house.clock.forward(hours=1)

    answer = program.push(proof=program.proof("/par", nonce=nonce))
    house.database.close()

    assert error_of(answer) == (400, "use_dpop_nonce")


# --- codes --------------------------------------------------------------------------------------


def test_rfc9449_10_a_code_asked_for_with_a_key_needs_it(
    program: Program, visitor: Visitor
) -> None:
    code = program.gets_code(visitor, dpop_jkt=program.dpop_key.thumbprint())

    thief = program.redeem(code, proof=program.proof("/token", key=ECKey.generate_key("P-256")))
    owner = program.redeem(code)

    assert error_of(thief) == (400, "invalid_grant")
    assert owner.status_code == 200


def test_rfc9449_10_1_a_proof_at_par_binds_the_code(program: Program, visitor: Visitor) -> None:
    pushed = program.push(proof=program.proof("/par")).get_json()["request_uri"]
    code = answer_of(visitor.visits(program.client_id, pushed))["code"]

    thief = program.redeem(code, proof=program.proof("/token", key=ECKey.generate_key("P-256")))

    assert error_of(thief) == (400, "invalid_grant")
    assert program.redeem(code).status_code == 200


def test_rfc9449_10_1_dpop_jkt_and_the_proof_must_agree(program: Program) -> None:
    other = ECKey.generate_key("P-256").thumbprint()

    answer = program.push(proof=program.proof("/par"), dpop_jkt=other)

    assert error_of(answer) == (400, "invalid_request")


def test_rfc9449_10_dpop_jkt_counts_in_the_open_too(app: Program, visitor: Visitor) -> None:
    asked = app.plain_request(dpop_jkt=app.dpop_key.thumbprint(), code_challenge=CHALLENGE)
    code = answer_of(visitor.client.get(asked))["code"]

    thief = app.redeem(code, proof=app.proof("/token", key=ECKey.generate_key("P-256")))

    assert error_of(thief) == (400, "invalid_grant")


def test_rfc9449_4_3_a_proof_signed_by_another_key_than_its_own_is_refused(
    program: Program,
) -> None:
    other = ECKey.generate_key("P-256")

    answer = program.push(proof=program.proof("/par", signer=other))

    assert error_of(answer) == (400, "invalid_dpop_proof")
