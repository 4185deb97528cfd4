"""Introspection answered by a JWT (RFC 9701): for one resource server, signed, encrypted."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, RSAKey

from idp.domain.clients import ContentEnc, KeyAlg
from tests.support.house import House, PortalClient, add_portal
from tests.support.portal_kit import ISSUER
from tests.support.portals import read

TYPE = "application/token-introspection+jwt"
API = "https://api.example.vn/"
GRANTS = ["authorization_code", "client_credentials"]


@pytest.fixture(scope="module")
def token(shared: House) -> str:
    portal = add_portal(shared, "portal", grant_types=GRANTS, resources=[API])
    answer = portal.token(grant_type="client_credentials", resource=API)
    found: str = answer.get_json()["access_token"]
    return found


def add_api(house: House, client_id: str, **metadata: Any) -> PortalClient:
    return add_portal(house, client_id, protected_resources=[API], **metadata)


def ask(house: House, api: PortalClient, token: str, accept: str = TYPE) -> Any:
    basic = base64.b64encode(f"{api.client_id}:{api.secret}".encode()).decode()
    headers = {"Accept": accept, "Authorization": f"Basic {basic}"}
    return house.app.test_client().post("/introspect", data={"token": token}, headers=headers)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA"])
def test_rfc9701_5_the_answer_is_a_jwt_for_the_resource_server(
    shared: House, token: str, alg: str
) -> None:
    api = add_api(shared, f"api-{alg}", introspection_signed_response_alg=alg)

    answer = ask(shared, api, token)

    header, claims = read(shared, answer.text)
    assert answer.content_type == TYPE
    assert answer.headers["Cache-Control"] == "no-store"
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", alg)
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}
    assert (claims["iss"], claims["aud"]) == (ISSUER, f"api-{alg}")
    assert claims["token_introspection"]["active"] is True
    assert claims["token_introspection"]["aud"] == API


def test_rfc9701_5_an_inactive_token_is_only_that(shared: House, token: str) -> None:
    stranger = add_portal(shared, "stranger")

    for each in (token, "x", "a.b.c", "mc_AAAA"):
        claims = read(shared, ask(shared, stranger, each).text)[1]

        assert claims["token_introspection"] == {"active": False}


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html", ""])
def test_rfc9701_4_without_being_asked_for_a_jwt_it_is_json(
    shared: House, token: str, accept: str
) -> None:
    api = add_api(shared, f"api-json-{len(accept)}")

    answer = ask(shared, api, token, accept)

    assert answer.content_type == "application/json"
    assert answer.get_json()["active"] is True


def test_rfc9701_5_the_answer_is_no_access_token_and_no_id_token(shared: House, token: str) -> None:
    answer = ask(shared, add_api(shared, "api-misuse"), token).text
    client = shared.app.test_client()

    used = client.get("/userinfo", headers={"Authorization": f"Bearer {answer}"})
    again = ask(shared, add_api(shared, "api-misuse2"), answer)

    assert used.status_code == 401
    assert read(shared, again.text)[1]["token_introspection"] == {"active": False}


@pytest.mark.parametrize(("alg", "enc"), [("RSA-OAEP-256", "A256GCM"), ("RSA-OAEP", None)])
def test_rfc9701_6_the_answer_is_encrypted_where_it_was_registered_so(
    shared: House, token: str, alg: str, enc: str | None
) -> None:
    key = RSAKey.generate_key(2048)
    asked: dict[str, Any] = {"introspection_encrypted_response_alg": alg}
    asked |= {"introspection_encrypted_response_enc": enc} if enc else {}
    keys = {"keys": [{**key.as_dict(private=False), "use": "enc"}]}
    api = add_api(shared, f"api-{alg}", jwks=keys, **asked)

    answer = ask(shared, api, token)

    registry = JWERegistry(algorithms=[*KeyAlg, *ContentEnc])
    opened = jwe.decrypt_compact(answer.text, key, registry=registry)
    expected = {"alg": alg, "enc": enc or "A128CBC-HS256", "cty": "JWT"}
    assert expected.items() <= dict(opened.headers()).items()
    claims = read(shared, (opened.plaintext or b"").decode())[1]
    assert claims["token_introspection"]["active"] is True


def test_rfc9701_6_without_a_key_nothing_is_answered_in_clear(shared: House, token: str) -> None:

    keys = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
    api = add_api(shared, "api-nokey", jwks=keys, introspection_encrypted_response_alg="RSA-OAEP")

    answer = ask(shared, api, token)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_rfc9701_7_discovery_names_the_algorithms(shared: House) -> None:
    found = shared.app.test_client().get("/.well-known/oauth-authorization-server").get_json()

    assert "ES256" in found["introspection_signing_alg_values_supported"]
    assert "ECDH-ES" in found["introspection_encryption_alg_values_supported"]
    assert "A256GCM" in found["introspection_encryption_enc_values_supported"]
