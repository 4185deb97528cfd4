"""JSON Web Signature (RFC 7515; algorithms of RFC 7518 and 8037): the examples, in our hands.

``ClientKeys`` reads what clients sign, ``SigningKey`` makes and reads what we sign.
"""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import import_key

from idp.domain.clients import Client, SigningAlg
from idp.oidc.client_keys import ClientKeys, Signed
from idp.oidc.keys import KeyState, SigningKey, b64, unb64
from tests.support import vectors
from tests.support.build import NOW
from tests.support.portal_kit import Documents

EVERY = frozenset(SigningAlg)


def verify(token: str, *keys: dict[str, Any]) -> Signed | None:
    """What the client keys make of a token; all keys are registered as they stand."""
    client = Client(client_id="joe", jwks={"keys": list(keys)})
    return ClientKeys(Documents()).verify(client, token, EVERY)


def public(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in set(vectors.PRIVATE)}


def ours(key: dict[str, Any], alg: str) -> SigningKey:
    private: Any = import_key(key).private_key  # type: ignore[arg-type]  # JSON
    return SigningKey("k", alg, KeyState.ACTIVE, NOW, private)


SIGNED = {"A.2": (vectors.RS256, vectors.RSA_KEY), "A.3": (vectors.ES256, vectors.EC_KEY)}


@pytest.mark.parametrize("example", SIGNED)
def test_rfc7515_a_2_a_3_the_signature_of_a_client_is_read(example: str) -> None:
    token, key = SIGNED[example]

    found = verify(token, public(key))

    assert found is not None
    assert found.claims == vectors.CLAIMS


@pytest.mark.parametrize("example", SIGNED)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_rfc7515_5_2_one_changed_letter_of_it_is_noticed(example: str, part: int) -> None:
    token, key = SIGNED[example]
    parts = token.split(".")
    letter = "B" if parts[part][5] != "B" else "C"
    parts[part] = parts[part][:5] + letter + parts[part][6:]

    assert verify(".".join(parts), public(key)) is None


def test_rfc7515_a_2_we_make_the_same_bytes_with_pkcs1() -> None:
    message, _, signature = vectors.RS256.rpartition(".")

    key = ours(vectors.RSA_KEY, "RS256")

    assert b64(key.sign(message.encode())) == signature
    assert key.verifies(message.encode(), unb64(signature))


def test_rfc8037_a_4_we_make_the_same_bytes_with_ed25519() -> None:
    message, _, signature = vectors.EDDSA.rpartition(".")

    key = ours(vectors.ED25519_KEY, "EdDSA")

    assert b64(key.sign(message.encode())) == signature
    assert key.verifies(message.encode(), unb64(signature))


def test_rfc7515_a_3_we_know_the_signature_as_ours_and_make_one_of_the_same_form() -> None:
    message, _, signature = vectors.ES256.rpartition(".")
    key = ours(vectors.EC_KEY, "ES256")

    made = key.sign(message.encode())

    assert key.verifies(message.encode(), unb64(signature))
    assert len(made) == 64
    assert verify(f"{message}.{b64(made)}", public(vectors.EC_KEY)) is not None


def test_rfc7518_3_5_a_probabilistic_signature_of_ours_is_read_by_others() -> None:
    message = vectors.RS256.replace("eyJhbGciOiJSUzI1NiJ9", b64(b'{"alg":"PS256"}'))
    message = message.rpartition(".")[0]

    made = ours(vectors.RSA_KEY, "PS256").sign(message.encode())

    found = verify(f"{message}.{b64(made)}", public(vectors.RSA_KEY))
    assert found is not None
    assert found.claims == vectors.CLAIMS


def test_rfc7518_3_4_a_signature_in_der_is_none() -> None:
    message, _, signature = vectors.ES256.rpartition(".")
    raw = unb64(signature)
    der = b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:]

    assert verify(f"{message}.{b64(der)}", public(vectors.EC_KEY)) is None
    assert not ours(vectors.EC_KEY, "ES256").verifies(message.encode(), der)


REFUSED: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "A.1: a secret that we share with nobody": (vectors.HS256, [vectors.HMAC_KEY]),
    "A.1: the secret beside a good key": (vectors.HS256, [vectors.HMAC_KEY, vectors.EC_KEY]),
    "A.4: an algorithm that we do not take": (vectors.ES512, [public(vectors.EC_KEY)]),
    "A.5: nobody signed": (vectors.UNSIGNED, [public(vectors.EC_KEY)]),
    "E: a critical extension": (vectors.NEGOTIATED, [public(vectors.EC_KEY)]),
    "the key of another example": (vectors.ES256, [public(vectors.RSA_KEY)]),
    "a payload that is no JSON": (vectors.EDDSA, [public(vectors.ED25519_KEY)]),
    "RFC 7516, A.1: encrypted": (vectors.ENCRYPTED, [public(vectors.RSA_KEY)]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rfc7515_4_1_1_what_is_not_signed_by_a_key_and_alg_of_ours_is_refused(case: str) -> None:
    token, keys = REFUSED[case]

    assert verify(token, *keys) is None
