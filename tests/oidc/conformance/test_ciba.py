"""The modules of the FAPI-CIBA plan that have no test elsewhere (docs/conformance.md)."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import RSAKey

from tests.oidc.conformance.suite import Suite
from tests.oidc.conformance.test_fapi2 import Fapi, build, error_of
from tests.support.portal_kit import ISSUER, signed

CIBA = "urn:openid:params:grant-type:ciba"


def add(suite: Suite, name: str) -> Fapi:
    return build(
        suite,
        name,
        "private_key_jwt",
        "dpop",
        grant_types=[CIBA, "refresh_token", "authorization_code"],
        backchannel_token_delivery_mode="poll",
        backchannel_authentication_request_signing_alg="ES256",
    )


@pytest.fixture(scope="module")
def office(suite: Suite) -> Fapi:
    return add(suite, "office")


@pytest.fixture(scope="module")
def other(suite: Suite) -> Fapi:
    return add(suite, "branch")


def request_of(office: Fapi, **changes: Any) -> str:
    claims = {
        "iss": office.client_id,
        "aud": ISSUER,
        "iat": office.seconds,
        "nbf": office.seconds,
        "exp": office.seconds + 300,
        "jti": str(uuid4()),
        "scope": "openid profile",
        "login_hint": "001072000999",
        "binding_message": "1234",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return signed(office.key, {"alg": "ES256"}, json.dumps(kept).encode())


def test_fapi_ciba_ensure_other_scope_order_succeeds(office: Fapi) -> None:
    answer = office.send("/bc-authorize", [], request=request_of(office, scope="profile openid"))

    assert answer.status_code == 200
    assert {"auth_req_id", "expires_in", "interval"} <= set(answer.get_json())


@pytest.mark.parametrize("expiry", ["30", 30])
def test_fapi_ciba_ensure_requested_expiry_as_string_succeeds(office: Fapi, expiry: object) -> None:
    token = request_of(office, requested_expiry=expiry, login_hint="001072000998")

    assert office.send("/bc-authorize", [], request=token).status_code == 200


def test_fapi_ciba_ensure_authorization_request_with_multiple_hints_fails(office: Fapi) -> None:
    token = request_of(office, login_hint_token="x", id_token_hint="y")

    assert error_of(office.send("/bc-authorize", [], request=token)) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/bc-authorize", "/token"])
def test_fapi_ciba_ensure_client_assertion_signature_algorithm_is_rs256_fails(
    office: Fapi, path: str
) -> None:
    claims = {
        "iss": office.client_id,
        "sub": office.client_id,
        "aud": ISSUER,
        "jti": str(uuid4()),
        "exp": office.seconds + 60,
    }
    key = RSAKey.generate_key(2048)
    assertion = signed(key, {"alg": "RS256"}, json.dumps(claims).encode(), "RS256")
    form = {"grant_type": CIBA, "auth_req_id": "x", "request": request_of(office)}

    answer = office.send(path, [], assertion=assertion, **form)

    assert error_of(answer) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["/bc-authorize", "/token"])
def test_fapi_ciba_ensure_without_client_assertion_fails(office: Fapi, path: str) -> None:
    form = {"grant_type": CIBA, "auth_req_id": "x", "request": request_of(office)}

    answer = office.house.app.test_client().post(path, data={**form, "client_id": "office"})

    assert error_of(answer) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["/bc-authorize", "/token"])
def test_fapi_ciba_ensure_wrong_client_id_fails(office: Fapi, other: Fapi, path: str) -> None:
    form = {"grant_type": CIBA, "auth_req_id": "x", "request": request_of(office)}

    answer = office.send(path, [], **{**form, "client_id": other.client_id})

    assert error_of(answer) == (401, "invalid_client")


def test_fapi_ciba_ensure_different_client_id_and_issuer_fails(office: Fapi, other: Fapi) -> None:
    answer = office.send("/bc-authorize", [], request=request_of(office, iss=other.client_id))

    assert error_of(answer) == (400, "invalid_request")


@pytest.mark.parametrize("alg", ["none", "RS256", "PS256", "HS256", "ES512", "bad"])
def test_fapi_ciba_ensure_request_object_signature_algorithm_fails(office: Fapi, alg: str) -> None:
    _, body, signature = request_of(office).split(".")
    header = signed(office.key, {"alg": alg}, b"{}").partition(".")[0]

    answer = office.send("/bc-authorize", [], request=f"{header}.{body}.{signature}")

    assert error_of(answer) == (400, "invalid_request")


def test_fapi_ciba_ensure_wrong_auth_req_id_in_token_endpoint_request(
    office: Fapi, other: Fapi
) -> None:
    token = request_of(office, login_hint="001072000997")
    found = office.send("/bc-authorize", [], request=token).get_json()["auth_req_id"]

    stolen = other.send("/token", [], grant_type=CIBA, auth_req_id=found)
    own = office.send("/token", [], grant_type=CIBA, auth_req_id=found)

    assert error_of(stolen) == (400, "invalid_grant")
    assert error_of(own) == (400, "authorization_pending")


def test_fapi_ciba_ensure_holder_of_key_required(office: Fapi) -> None:
    form = {"grant_type": CIBA, "auth_req_id": "x", "client_assertion": office.assertion()}
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    answer = office.house.app.test_client().post("/token", data={**form, "client_id": "office"})

    assert error_of(answer) == (400, "invalid_dpop_proof")
