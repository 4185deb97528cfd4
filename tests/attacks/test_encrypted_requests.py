"""Encrypted authorization requests that were changed, or made to cost us or to tell (RFC 7516, 11;
RFC 8725, 2.4 to 2.6, 3.4, 3.6; RFC 9101, 6.1). Each is answered alike: why it failed is not told.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.attacks.forging import plain
from tests.support.house import House, answer_of
from tests.support.portal_kit import Program, Visitor, add_program, b64

ALGS = ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"]
_LIKE_ANYBODY = JWERegistry(
    algorithms=[*ALGS, "A128GCM", "A256GCM", "A128CBC-HS256", "DEF"], strict_check_header=False
)
EC = ECKey.generate_key("P-256")
EPK = EC.as_dict(private=False)


@pytest.fixture(scope="module")
def signer(target: House, victim: Visitor) -> Program:
    victim.agrees("secretive")
    return add_program(target, "secretive", profile="standard", dpop_bound_access_tokens=False)


@pytest.fixture(scope="module")
def ours(target: House) -> dict[str, dict[str, Any]]:
    """Our published keys to encrypt for, by algorithm."""
    found = target.app.test_client().get("/jwks").get_json()["keys"]
    return {key["alg"]: key for key in found if key["use"] == "enc"}


def encrypted(key: dict[str, Any], inside: str | bytes, **header: Any) -> str:
    bare = {name: value for name, value in key.items() if name not in {"use", "alg"}}
    kind = RSAKey if key["kty"] == "RSA" else ECKey
    about = {"alg": key["alg"], "enc": "A256GCM", "kid": key["kid"], "cty": "JWT", **header}
    kept = {name: value for name, value in about.items() if value is not None}
    return jwe.encrypt_compact(kept, inside, kind.import_key(bare), registry=_LIKE_ANYBODY)


def sent(visitor: Visitor, signer: Program, token: str) -> dict[str, str]:
    return answer_of(visitor.client.get(signer.plain_request(request=token)))


@pytest.mark.parametrize("alg", ALGS)
def test_an_honest_one_is_read(
    victim: Visitor, signer: Program, ours: dict[str, dict[str, Any]], alg: str
) -> None:
    assert "code" in sent(victim, signer, encrypted(ours[alg], signer.request_object()))


def at(number: int, value: str) -> Any:
    return lambda parts: [*parts[:number], value, *parts[number + 1 :]]


CHANGED: dict[str, Any] = {
    "another tag": at(4, b64(bytes(16))),
    "a shorter tag": at(4, b64(bytes(4))),
    "no tag": at(4, ""),
    "another vector": at(2, b64(bytes(12))),
    "a short vector": at(2, "AA"),
    "no vector": at(2, ""),
    "other contents": at(3, "AAAA"),
    "no contents": at(3, ""),
    "another key": at(1, b64(b"\1" * 256)),
    "a short key": at(1, "AA"),
    "a huge key": at(1, "A" * 20_000),
    "a key that is no base64": at(1, "!!"),
    "four parts": lambda parts: parts[:4],
    "six parts": lambda parts: [*parts, "x"],
    "very long contents": at(3, "A" * 40_000),
    "a header of zero bytes": at(0, b64(bytes(50))),
    "no header": at(0, ""),
}


# Nothing is wrapped by ECDH-ES alone.
CHANGES = [(alg, how) for alg in ALGS for how in CHANGED if alg != "ECDH-ES" or "key" not in how]


@pytest.mark.parametrize(("alg", "how"), CHANGES)
def test_rfc7516_11_5_what_was_changed_is_answered_alike(
    victim: Visitor, signer: Program, ours: dict[str, dict[str, Any]], alg: str, how: str
) -> None:
    parts = encrypted(ours[alg], signer.request_object()).split(".")

    found = sent(victim, signer, ".".join(CHANGED[how](parts)))

    assert found["error"] == "invalid_request_object"
    assert found["error_description"] in {
        "the request object is not encrypted for us",
        "the request object is not signed by the client",
    }


INSIDE: dict[str, Any] = {
    "plain parameters": lambda _: json.dumps({"client_id": "secretive", "scope": "openid"}),
    "a signature of nobody": lambda _: plain({"iss": "secretive"}, {"alg": "none"}),
    "half a request": lambda signer: signer.request_object()[:-20],
    "a client assertion": lambda signer: signer.assertion(),
    "bytes": lambda _: b"\xff\xfe",
    "nothing": lambda _: b"",
    "zero bytes": lambda _: bytes(1000),
}


@pytest.mark.parametrize("how", INSIDE)
@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES"])
def test_rfc9101_6_1_encryption_says_nothing_about_who_sent_it(
    victim: Visitor, signer: Program, ours: dict[str, dict[str, Any]], alg: str, how: str
) -> None:
    token = encrypted(ours[alg], INSIDE[how](signer))

    assert sent(victim, signer, token)["error"] == "invalid_request_object"


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES"])
def test_rfc8725_2_6_one_inside_another_is_not_opened(
    victim: Visitor, signer: Program, ours: dict[str, dict[str, Any]], alg: str
) -> None:
    token = signer.request_object()
    for _ in range(2):
        token = encrypted(ours[alg], token)

    assert sent(victim, signer, token)["error"] == "invalid_request_object"


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES"])
def test_rfc8725_3_6_nothing_is_unpacked(
    victim: Visitor, signer: Program, ours: dict[str, dict[str, Any]], alg: str
) -> None:
    bomb = encrypted(ours[alg], b"\0" * 20_000, zip="DEF")
    honest = encrypted(ours[alg], signer.request_object(), zip="DEF")

    for token in (bomb, honest):
        assert sent(victim, signer, token)["error"] == "invalid_request_object"


MADE: dict[str, dict[str, Any]] = {
    "RSA1_5": {"alg": "RSA1_5"},
    "a shared key": {"alg": "dir"},
    "a wrapped shared key": {"alg": "A128KW"},
    "a password, endless work": {"alg": "PBES2-HS256+A128KW", "p2c": 2**31 - 1, "p2s": "AAAA"},
    "a password beside a key": {"p2c": 2**31 - 1, "p2s": "AAAA"},
    "none": {"alg": "none", "enc": "none"},
    "contents in clear": {"enc": "none"},
    "contents of another kind": {"enc": "A256CTR"},
    "alg as a list": {"alg": ["RSA-OAEP"]},
    "enc as a list": {"enc": ["A256GCM"]},
    "alg in small letters": {"alg": "rsa-oaep"},
    "no alg": {"alg": None},
    "no enc": {"enc": None},
    "a critical extension": {"crit": ["x"], "x": 1},
    "an empty crit": {"crit": []},
    "packed": {"zip": "DEF"},
    "packed in another way": {"zip": "GZIP"},
    "a name that is a number": {"kid": 5},
    "a name of nobody": {"kid": "../../etc/passwd"},
    "cty as a list": {"cty": ["JWT"]},
    "cty of something else": {"cty": "text/html"},
    "a point beside the curve": {
        "alg": "ECDH-ES", "epk": {**EPK, "x": b64(b"\1" * 32), "y": b64(b"\1" * 32)}
    },
    "the point at the origin": {
        "alg": "ECDH-ES", "epk": {**EPK, "x": b64(bytes(32)), "y": b64(bytes(32))}
    },
    "a point of another curve": {
        "alg": "ECDH-ES", "epk": ECKey.generate_key("P-384").as_dict(private=False)
    },
    "a point of Montgomery": {
        "alg": "ECDH-ES", "epk": OKPKey.generate_key("X25519").as_dict(private=False)
    },
    "the zero of Montgomery": {
        "alg": "ECDH-ES", "epk": {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}
    },
    "no point": {"alg": "ECDH-ES"},
    "a point that is text": {"alg": "ECDH-ES", "epk": "x"},
    "a point that is a list": {"alg": "ECDH-ES", "epk": [1]},
    "a secret as a point": {"alg": "ECDH-ES", "epk": {"kty": "oct", "k": "AA"}},
    "a huge point": {"alg": "ECDH-ES", "epk": {**EPK, "x": "A" * 3000, "y": "A" * 3000}},
    "a party that is a number": {"alg": "ECDH-ES", "epk": EPK, "apu": 5},
    "a party that is no base64": {"alg": "ECDH-ES+A128KW", "epk": EPK, "apu": "!!"},
    "a huge party": {"alg": "ECDH-ES+A128KW", "epk": EPK, "apv": "A" * 3000},
    "keys at an address": {"jku": "https://evil.example/keys", "x5u": "https://evil.example/c"},
    "a key of its own": {"jwk": EPK},
    "a deep header": {"x": json.loads("[" * 200 + "]" * 200)},
    "a long header": {"x": "a" * 9000},
}  # fmt: skip


@pytest.mark.parametrize("how", MADE)
@pytest.mark.parametrize("named", ["RSA-OAEP", "ECDH-ES", ""])
def test_rfc8725_3_4_no_header_makes_us_use_what_it_says(
    victim: Visitor, signer: Program, ours: dict[str, dict[str, Any]], named: str, how: str
) -> None:
    about = {"alg": "RSA-OAEP", "enc": "A256GCM", **({"kid": ours[named]["kid"]} if named else {})}
    kept = {name: value for name, value in {**about, **MADE[how]}.items() if value is not None}
    rest = (b64(b"\1" * 256), b64(b"\2" * 12), b64(b"\3" * 50), b64(b"\4" * 16))

    found = sent(victim, signer, ".".join([b64(json.dumps(kept).encode()), *rest]))

    assert found["error"] == "invalid_request_object"
