"""Encrypted ID tokens and userinfo through the endpoints (OpenID Connect Core, 2, 5.3.2, 10.2)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.oidc.encryption.test_encryption import KEYS, decrypt
from tests.support.house import House, PortalClient, add_portal, answer_of, second_node

JWE = {"jwks": KEYS}
SIGNING_ONLY = {"keys": [KEYS["keys"][0]]}


def get_userinfo(house: House, tokens: dict[str, Any]) -> Any:
    return house.app.test_client().get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )


def signs_in(house: House, **metadata: Any) -> tuple[PortalClient, dict[str, Any]]:
    portal, browser = add_portal(house, **JWE, **metadata), house.browser()
    browser.registers()
    return portal, portal.signs_in_with(browser)


def test_core_10_2_the_id_token_is_signed_then_encrypted(house: House) -> None:
    portal, tokens = signs_in(
        house,
        id_token_encrypted_response_alg="RSA-OAEP-256",
        id_token_encrypted_response_enc="A256GCM",
    )

    header, contents = decrypt(tokens["id_token"])

    assert (header["kid"], header["cty"]) == ("rsa-1", "JWT")
    claims = portal.claims(contents.decode())
    assert (claims["aud"], claims["nonce"]) == ("hanoi", "n-1")
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    _, contents = decrypt(again.get_json()["id_token"])
    assert portal.claims(contents.decode())["sub"] == claims["sub"]


@pytest.mark.parametrize("signed", [None, "ES256"])
def test_core_5_3_2_userinfo_is_encrypted_signed_or_not(house: House, signed: str | None) -> None:
    portal, tokens = signs_in(
        house,
        userinfo_encrypted_response_alg="ECDH-ES+A256KW",
        userinfo_signed_response_alg=signed,
    )

    answer = get_userinfo(house, tokens)

    assert answer.content_type == "application/jwt"
    header, contents = decrypt(answer.text)
    assert header["kid"] == "ec-1"
    found = portal.claims(contents.decode()) if signed else json.loads(contents)
    assert found["name"] == "Nguyễn Văn Hoà"
    assert ("cty" in header) is bool(signed)


def test_core_10_2_without_a_key_the_code_is_not_spent(house: House, database_url: str) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(portal.request()))["code"]
    broken = add_portal(house, id_token_encrypted_response_alg="RSA-OAEP-256", jwks=SIGNING_ONLY)

    refused = replace(broken, house=second_node(house, database_url)).redeems(code)

    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_request")
    assert "id_token" not in refused.get_json()
    mended = add_portal(house)
    answer = replace(mended, house=second_node(house, database_url)).redeems(code)
    assert answer.status_code == 200


def test_core_10_2_without_a_key_userinfo_is_refused_never_in_clear(
    house: House, database_url: str
) -> None:
    _, tokens = signs_in(house)
    add_portal(house, userinfo_encrypted_response_alg="RSA-OAEP-256", jwks=SIGNING_ONLY)

    answer = get_userinfo(second_node(house, database_url), tokens)

    assert answer.status_code == 400
    assert "Nguyễn" not in answer.text
    assert "no key" in answer.get_json()["error_description"]
