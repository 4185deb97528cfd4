"""JSON Web Keys (RFC 7517, 7638, 8037): what a client may register, and how keys are told apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import import_key

from idp.domain.clients import Client, SigningAlg
from idp.oidc.client_addresses import Loopback
from idp.oidc.client_keys import ClientKeys
from idp.oidc.client_metadata import InvalidMetadata, check
from tests.support import vectors
from tests.support.portal_kit import Documents

EC, RSA = vectors.PUBLIC_KEYS
METADATA: dict[str, Any] = {
    "redirect_uris": ["https://rp.example.vn/cb"],
    "token_endpoint_auth_method": "private_key_jwt",
}


def _public(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in set(vectors.PRIVATE)}


def register(*keys: dict[str, Any]) -> dict[str, Any]:
    return check({**METADATA, "jwks": {"keys": list(keys)}}, Loopback.REFUSED)


def test_rfc7517_a_1_the_public_keys_can_be_registered() -> None:
    assert register(EC, RSA)["jwks"]["keys"] == vectors.PUBLIC_KEYS


@pytest.mark.parametrize(
    "key",
    [vectors.PRIVATE_EC_KEY, vectors.RSA_KEY, vectors.ED25519_KEY, *vectors.SECRET_KEYS],
    ids=["A.2 EC", "RSA", "RFC 8037", "A.3 AES", "A.3 HMAC"],
)
def test_rfc7517_9_2_private_and_secret_keys_cannot(key: dict[str, Any]) -> None:
    with pytest.raises(InvalidMetadata):
        register(EC, key)


@pytest.mark.parametrize(
    "key",
    [
        {}, {"kty": "EC"}, {"kty": "XX"}, {"kty": ["EC"]}, {**EC, "kid": ["1"]}, {**EC, "use": {}},
        {**EC, "alg": []}, {**EC, "crv": "P-192"},
        {**EC, "x": EC["y"]}, {**EC, "x": "AA"}, {**EC, "x": 1}, {**EC, "x": "é"},
        {**RSA, "n": "AQAB"}, {**RSA, "n": None}, {**RSA, "e": ""},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": "OKP", "crv": "Ed25519"},
    ],
    ids=str,
)  # fmt: skip
def test_rfc7517_4_a_key_that_is_none_cannot(key: dict[str, Any]) -> None:
    with pytest.raises(InvalidMetadata):
        register(key)


def test_rfc7517_4_2_a_key_for_encryption_encrypts_and_never_verifies() -> None:
    client = Client(client_id="joe", jwks={"keys": [EC, RSA]})
    keys = ClientKeys(Documents())

    chosen = keys.encryption_key(client, "ECDH-ES")

    assert chosen is not None
    assert chosen.kid == "1"
    only = Client(client_id="joe", jwks={"keys": [{**_public(vectors.EC_KEY), "use": "enc"}]})
    assert keys.verify(only, vectors.ES256, {SigningAlg.ES256}) is None


def test_rfc7517_4_4_a_key_for_another_alg_is_passed_over() -> None:
    bound = {**_public(vectors.RSA_KEY), "alg": "PS256"}
    client = Client(client_id="joe", jwks={"keys": [bound]})

    assert ClientKeys(Documents()).verify(client, vectors.RS256, {SigningAlg.RS256}) is None


@pytest.mark.parametrize(
    ("key", "thumbprint"),
    [(RSA, vectors.RSA_THUMBPRINT), (vectors.ED25519_KEY, vectors.ED25519_THUMBPRINT)],
    ids=["RFC 7638, 3.1", "RFC 8037, A.3"],
)
def test_rfc7638_3_1_a_thumbprint_is_what_everybody_computes(
    key: dict[str, Any], thumbprint: str
) -> None:
    assert import_key(_public(key)).thumbprint() == thumbprint  # type: ignore[arg-type]  # JSON


STRANGE = [
    {"kty": ["EC"]}, {"kty": {}}, {**EC, "kid": ["1"]}, {**EC, "use": ["sig"]}, {**EC, "crv": {}},
    {**RSA, "n": 1}, {**RSA, "crv": []}, "text", None, 1, [], {},
]  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_rfc7517_5_a_strange_key_at_jwks_uri_is_passed_over(strange: object) -> None:
    good = {**_public(vectors.EC_KEY), "kid": "good"}
    documents = Documents()
    documents.pages["https://rp.example.vn/jwks"] = json.dumps({"keys": [strange, good]}).encode()
    client = Client(client_id="joe", jwks_uri="https://rp.example.vn/jwks")

    found = ClientKeys(documents).verify(client, vectors.ES256, {SigningAlg.ES256})

    assert found is not None
    assert found.claims == vectors.CLAIMS
