"""The discovery document and the keys (OpenID Connect Discovery, 3, 4; RFC 8414; RFC 7517)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idp.config import RegistrationMode
from tests.support.house import House
from tests.support.portal_kit import ISSUER, MTLS, open_plain_house

WHERE = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]


@pytest.fixture(scope="module")
def whole(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A provider with everything switched on."""
    folder = tmp_path_factory.mktemp("whole")
    mode = {"registration": RegistrationMode.OPEN}
    built = open_plain_house(sqlite_template, folder, oidc=mode)
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def document(whole: House) -> dict[str, Any]:
    found: dict[str, Any] = whole.app.test_client().get(WHERE[0]).get_json()
    return found


REQUIRED = [
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
    "registration_endpoint", "response_types_supported", "subject_types_supported",
    "id_token_signing_alg_values_supported", "scopes_supported", "claims_supported",
]  # fmt: skip


@pytest.mark.parametrize("path", WHERE)
def test_discovery_4_2_the_document_is_json_at_both_addresses(whole: House, path: str) -> None:
    answer = whole.app.test_client().get(path)

    assert answer.status_code == 200
    assert answer.content_type.startswith("application/json")
    assert answer.data == whole.app.test_client().get(WHERE[0]).data
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_discovery_4_3_the_issuer_is_where_the_document_was_found(
    document: dict[str, Any],
) -> None:
    assert document["issuer"] == ISSUER


@pytest.mark.parametrize("host", ["evil.example", "localhost:1", "a\tb"])
def test_discovery_7_2_no_host_header_changes_it(whole: House, host: str) -> None:
    headers = {"X-Forwarded-Host": host, "X-Forwarded-Proto": "https", "Forwarded": f"host={host}"}

    answer = whole.app.test_client().get(WHERE[0], headers=headers)

    assert answer.get_json()["issuer"] == ISSUER
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("name", REQUIRED)
def test_discovery_3_what_is_required_or_recommended_is_there(
    document: dict[str, Any], name: str
) -> None:
    assert document[name]


def test_discovery_3_no_value_is_empty_and_no_list_says_a_thing_twice(
    document: dict[str, Any],
) -> None:
    for name, value in document.items():
        assert value not in (None, "", [], {}), name
        if isinstance(value, list):
            assert len(set(value)) == len(value), name


def test_discovery_3_every_address_is_absolute_of_ours_and_answers(
    whole: House, document: dict[str, Any]
) -> None:
    client = whole.app.test_client()
    for name, uri in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert uri.startswith(f"{ISSUER}/"), name
            path = uri.removeprefix(ISSUER)
            statuses = {client.get(path).status_code, client.post(path).status_code}
            assert 404 not in statuses, name
            assert max(statuses) < 500, name


def test_discovery_3_rs256_is_offered_and_none_never(document: dict[str, Any]) -> None:
    lists = {name: value for name, value in document.items() if "_alg_values_" in name}

    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "RS256" in document["request_object_signing_alg_values_supported"]
    for name, value in lists.items():
        assert not {"none", "RSA1_5", "HS256"} & set(value), name


def test_rfc8414_2_only_the_code_flow_and_safe_grants_are_offered(
    document: dict[str, Any],
) -> None:
    assert document["response_types_supported"] == ["code"]
    assert not {"implicit", "password"} & set(document["grant_types_supported"])
    assert document["code_challenge_methods_supported"] == ["S256"]


def test_rfc8414_2_every_endpoint_that_authenticates_names_algorithms(
    document: dict[str, Any],
) -> None:
    for name in ("token", "introspection", "revocation"):
        assert "private_key_jwt" in document[f"{name}_endpoint_auth_methods_supported"]
        algs = document[f"{name}_endpoint_auth_signing_alg_values_supported"]
        assert {"ES256", "PS256"} <= set(algs)


def test_rfc8414_2_nobody_introspects_without_authentication(document: dict[str, Any]) -> None:
    assert "none" not in document["introspection_endpoint_auth_methods_supported"]


def test_rfc8705_5_every_alias_stands_for_an_endpoint(document: dict[str, Any]) -> None:
    for name, uri in document["mtls_endpoint_aliases"].items():
        assert uri == document[name].replace(ISSUER, MTLS)


def test_fapi2_5_3_2_2_what_the_profile_needs_is_announced(document: dict[str, Any]) -> None:
    assert document["pushed_authorization_request_endpoint"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert {"ES256", "PS256", "EdDSA"} >= set(document["dpop_signing_alg_values_supported"])
    assert {"jwt", "query.jwt"} <= set(document["response_modes_supported"])


def test_rfc5646_languages_are_well_formed(document: dict[str, Any]) -> None:
    for name in ("ui_locales_supported", "claims_locales_supported"):
        assert all(re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", each) for each in document[name])


def test_rfc6749_3_3_scopes_are_scope_tokens(document: dict[str, Any]) -> None:
    for each in document["scopes_supported"]:
        assert re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", each)


# --- keys -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(whole: House) -> list[dict[str, str]]:
    answer = whole.app.test_client().get("/jwks")
    found: list[dict[str, str]] = answer.get_json()["keys"]
    return found


def test_rfc7517_8_5_the_set_has_its_media_type(whole: House) -> None:
    answer = whole.app.test_client().get("/jwks")

    assert answer.content_type == "application/jwk-set+json"
    assert "max-age" in answer.headers["Cache-Control"]


def test_core_10_1_every_key_has_a_kid_of_its_own_and_says_what_it_is_for(
    keys: list[dict[str, str]], document: dict[str, Any]
) -> None:
    kids = [key["kid"] for key in keys]

    assert len(set(kids)) == len(kids)
    algs = {use: {key["alg"] for key in keys if key["use"] == use} for use in ("sig", "enc")}
    assert algs == {
        "sig": set(document["id_token_signing_alg_values_supported"]),
        "enc": set(document["request_object_encryption_alg_values_supported"]),
    }
    assert {key["use"] for key in keys} == {"sig", "enc"}


PUBLIC = {"EC": {"crv", "x", "y"}, "RSA": {"n", "e"}, "OKP": {"crv", "x"}}


def test_rfc7518_6_no_private_member_is_ever_served(keys: list[dict[str, str]]) -> None:
    for key in keys:
        assert set(key) == {"kty", "kid", "use", "alg", *PUBLIC[key["kty"]]}


def test_rfc7518_3_3_rsa_keys_have_2048_bits_and_numbers_no_leading_zero(
    keys: list[dict[str, str]],
) -> None:
    for key in keys:
        if key["kty"] == "RSA":
            modulus = urlsafe_b64decode(key["n"] + "==")
            assert len(modulus) * 8 >= 2048
            assert modulus[0] != 0
            assert key["e"] == "AQAB"


def test_rfc7518_6_2_1_2_coordinates_have_the_full_length(keys: list[dict[str, str]]) -> None:
    for key in keys:
        for name in {"x", "y"} & set(key):
            assert len(urlsafe_b64decode(key[name] + "==")) == 32
            assert "=" not in key[name]
