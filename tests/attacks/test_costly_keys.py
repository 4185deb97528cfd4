"""Keys that cost us more than their sender, or that are none (RFC 8725, 3.5; RFC 7518, 3.3).

Whoever sends a DPoP proof, registers a key, or speaks for an entity of a federation chooses the key
that we check with. An exponent as long as the modulus makes one signature cost fifty milliseconds.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from idp.oidc.client_keys import ClientKeys, is_strong
from idp.oidc.federation.errors import FederationError
from idp.oidc.federation.jws import key_set
from tests.attacks.test_names import registers
from tests.support.house import House
from tests.support.portal_kit import Documents, Program, add_program, b64

pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")

Jwk = dict[str, Any]
_ODD = (1 << 2047) + 1


def rsa(number: int, exponent: int = 65537) -> Jwk:
    def text(value: int) -> str:
        return b64(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))

    return {"kty": "RSA", "n": text(number), "e": text(exponent)}


EC: Jwk = ECKey.generate_key("P-256").as_dict(private=False)
RSA: Jwk = RSAKey.generate_key(2048).as_dict(private=False)
COSTLY: dict[str, Jwk] = {
    "1024 bits": rsa((1 << 1023) + 1),
    "2047 bits": rsa((1 << 2046) + 1),
    "1024 bits behind zeros": {"kty": "RSA", "n": "A" * 400 + b64(b"\xff" * 128), "e": "AQAB"},
    "an exponent of 2048 bits": rsa(_ODD, _ODD - 2),
    "an exponent of 3072 bits": rsa((1 << 3071) + 1, (1 << 3070) + 1),
    "an exponent of 34 bits": rsa(_ODD, (1 << 33) + 1),
    "8193 bits": rsa((1 << 8192) + 1),
    "16384 bits": rsa((1 << 16383) + 1),
    "40000 bits": rsa((1 << 39_999) + 1),
    "an even modulus": rsa((1 << 2047) + 2),
}
NONE: dict[str, Jwk] = {
    "exponent one": rsa(_ODD, 1),
    "exponent zero": rsa(_ODD, 0),
    "an even exponent": rsa(_ODD, 2),
    "an exponent past the modulus": rsa(_ODD, _ODD + 2),
    "no modulus": {"kty": "RSA", "e": "AQAB"},
    "a modulus that is a number": {"kty": "RSA", "n": 5, "e": "AQAB"},
    "a point beside the curve": {**EC, "x": b64(b"\1" * 32)},
    "the point at the origin": {**EC, "x": b64(b"\0" * 32), "y": b64(b"\0" * 32)},
    "half a point": {name: value for name, value in EC.items() if name != "y"},
    "a point that is a number": {**EC, "x": 5},
    "a point of another length": {**EC, "x": "AA", "y": "AA"},
    "a huge point": {**EC, "x": "A" * 5000},
    "a point that is no base64": {**EC, "x": "!!"},
    "another curve for the point": {**EC, "crv": "P-384"},
    "a curve that nobody knows": {**EC, "crv": "P-257"},
    "a curve that is a list": {**EC, "crv": ["P-256"]},
    "a kind that is a list": {**EC, "kty": ["EC"]},
    "no kind": {name: value for name, value in EC.items() if name != "kty"},
    "a secret": {"kty": "oct", "k": b64(b"k" * 32)},
    "a secret in disguise": {"kty": "oct", **{k: v for k, v in EC.items() if k != "kty"}},
    "a short Edwards point": {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
    "an operation that is a number": {**EC, "key_ops": 7},
}
OTHER: dict[str, Jwk] = {
    "a curve for keys only": OKPKey.generate_key("X25519").as_dict(private=False),
    "a larger curve": ECKey.generate_key("P-384").as_dict(private=False),
    "a curve of coins": ECKey.generate_key("secp256k1").as_dict(private=False),
}


@pytest.mark.parametrize("how", COSTLY)
def test_rfc8725_3_5_a_key_that_costs_more_than_it_proves_is_not_used(how: str) -> None:
    try:
        key = import_key(COSTLY[how])
    except ValueError:
        return  # not even the library reads it

    assert not is_strong(key)


@pytest.mark.parametrize("size", [2048, 4096, 8192])
@pytest.mark.parametrize("exponent", [3, 65537, (1 << 32) + 1])
def test_rfc7518_3_3_honest_keys_are(size: int, exponent: int) -> None:
    assert is_strong(import_key(rsa((1 << (size - 1)) + 1, exponent)))


@pytest.mark.parametrize("how", [*COSTLY, *NONE, *OTHER])
def test_rfc9449_4_3_no_proof_is_checked_with_a_strange_key(program: Program, how: str) -> None:
    jwk = {**COSTLY, **NONE, **OTHER}[how]
    for alg in ("ES256", "PS256", "EdDSA"):
        proof = program.proof("/par", header={"jwk": jwk, "alg": alg}, signer=program.dpop_key)
        answer = program.push(proof=proof)

        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_dpop_proof")
        described = answer.get_json()["error_description"]
        assert how not in COSTLY or alg != "PS256" or "signature" not in described


@pytest.mark.parametrize("how", [*COSTLY, *NONE])
def test_rfc7591_5_no_client_is_registered_with_a_strange_key(target: House, how: str) -> None:
    answer = registers(target, jwks={"keys": [{**COSTLY, **NONE}[how]]})

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("how", [*COSTLY, *NONE])
def test_federation_3_1_1_no_entity_speaks_with_a_strange_key(how: str) -> None:
    with pytest.raises(FederationError):
        key_set({"keys": [{**COSTLY, **NONE}[how] | {"kid": "a"}]})


SETS: dict[str, Any] = {
    "a private key": {"keys": [ECKey.generate_key("P-256").as_dict(private=True)]},
    "a private key of RSA": {"keys": [{**RSA, "d": RSA["n"]}]},
    "a good one and a bad one": {"keys": [EC, COSTLY["1024 bits"]]},
    "twenty-one": {"keys": [EC] * 21},
    "none": {"keys": []},
    "no keys": {},
    "null": {"keys": None},
    "a list": [EC],
    "a list of a list": {"keys": [[EC]]},
    "a text": {"keys": ["EC"]},
    "a kid that is a number": {"keys": [{**EC, "kid": 5}]},
    "a kid that is a list": {"keys": [{**EC, "kid": ["a"]}]},
    "a use that is a number": {"keys": [{**EC, "use": 5}]},
    "an alg that is a list": {"keys": [{**EC, "alg": ["ES256"]}]},
}


@pytest.mark.parametrize("how", SETS)
def test_rfc7517_5_a_strange_set_of_keys_registers_nobody(target: House, how: str) -> None:
    answer = registers(target, jwks=SETS[how])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


def test_rfc7518_4_2_nothing_is_encrypted_for_a_key_that_is_too_short(
    target: House, documents: Documents
) -> None:
    """Keys that were fetched are not checked before: a portal may change them at any time."""
    uri = "https://short.example.vn/jwks"
    add_program(
        target, "short", profile="standard", dpop_bound_access_tokens=False, jwks=None, jwks_uri=uri
    )
    client = target.app.extensions["idp.house"].clients.find("short")
    found = []
    for jwk in (COSTLY["1024 bits"], RSA):
        documents.pages[uri] = json.dumps({"keys": [jwk]}).encode()
        found.append(ClientKeys(documents).encryption_key(client, "RSA-OAEP"))

    assert found[0] is None
    assert found[1] is not None
