"""The modules of the FAPI 2.0 plans that have no test elsewhere (docs/conformance.md).

Security profile by private_key_jwt and by certificate, tokens bound by DPoP and by certificate;
message signing. Each test has its module's name without ``fapi2-security-profile-final-``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from idp.domain.subjects import IdNumber
from idp.oidc.client_auth import ASSERTION_TYPE
from tests.oidc.conformance.suite import Suite
from tests.support.house import add_portal, answer_of
from tests.support.portal_kit import (
    ISSUER,
    Certificate,
    Program,
    Visitor,
    b64,
    certificate,
    claims_of,
    later,
    sign_in,
)

AUTH = {"private_key_jwt": True, "mtls": False}
CONSTRAIN = {"dpop": True, "mtls": False}


@dataclass
class Fapi(Program):
    """A client of one variant; every endpoint sees its certificate, if it has one."""

    has_assertion: bool = True
    has_proof: bool = True

    def send(
        self,
        path: str,
        headers: list[tuple[str, str]],
        *,
        assertion: str | None = None,
        **form: str,
    ) -> TestResponse:
        data = {"client_id": self.client_id, **form}
        if self.has_assertion:
            data["client_assertion_type"] = ASSERTION_TYPE
            data["client_assertion"] = assertion or self.assertion()
        if self.has_proof and path == "/token" and not headers:
            headers = [("DPoP", self.proof("/token"))]
        shown = self.certificate.headers() if self.certificate else {}
        client = self.house.app.test_client()
        return client.post(path, data=data, headers=[*shown.items(), *headers])

    def calls(self, token: str, scheme: str = "", **changes: Any) -> TestResponse:
        """The protected resource."""
        shown = self.certificate.headers() if self.certificate else {}
        headers = [("Authorization", f"{scheme or self.scheme} {token}"), *shown.items()]
        if self.has_proof:
            ath = b64(hashlib.sha256(token.encode()).digest())
            proof = self.proof("/userinfo", **{"htm": "GET", "ath": ath, **changes})
            headers.append(("DPoP", proof))
        return self.house.app.test_client().get("/userinfo", headers=headers)

    @property
    def scheme(self) -> str:
        return "DPoP" if self.has_proof else "Bearer"


def build(suite: Suite, name: str, auth: str, constrain: str, **metadata: Any) -> Fapi:
    has_assertion, has_proof = AUTH[auth], CONSTRAIN[constrain]
    shown: Certificate | None = None if has_assertion and has_proof else certificate(name)
    key = ECKey.generate_key("P-256")
    keys = [key.as_dict(private=False)]
    if shown is not None and not has_assertion:
        keys = [ECKey.import_key(shown.key.public_key()).as_dict(private=False)]
    found = {
        "profile": "fapi2",
        "token_endpoint_auth_method": auth if has_assertion else "self_signed_tls_client_auth",
        "jwks": {"keys": keys},
        "dpop_bound_access_tokens": has_proof,
        "tls_client_certificate_bound_access_tokens": not has_proof,
        **metadata,
    }
    portal = add_portal(suite.house, name, **found)
    return Fapi(
        suite.house,
        name,
        portal.redirect_uri,
        key,
        certificate=shown,
        has_assertion=has_assertion,
        has_proof=has_proof,
    )


VARIANTS = [(auth, constrain) for auth in AUTH for constrain in CONSTRAIN]


@pytest.fixture(scope="module", params=VARIANTS, ids="-".join)
def client(request: pytest.FixtureRequest, suite: Suite) -> Fapi:
    return build(suite, "-".join(("fapi", *request.param)).replace("_", ""), *request.param)


@pytest.fixture(scope="module")
def person(suite: Suite) -> Visitor:
    return sign_in(suite.house, id_numbers=(IdNumber.parse("001072000177"),))


@pytest.fixture(scope="module")
def fapi(suite: Suite, person: Visitor) -> Fapi:
    """The variant of most clients: private_key_jwt and DPoP."""
    person.agrees("plain")
    return build(suite, "plain", "private_key_jwt", "dpop")


def error_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error"]


# --- every variant --------------------------------------------------------------------------------


def test_happy_flow(client: Fapi, person: Visitor) -> None:
    person.agrees(client.client_id)

    tokens = client.gets_tokens(person, nonce="n")

    assert tokens["token_type"] == client.scheme
    cnf = claims_of(client.house, tokens["access_token"])["cnf"]
    assert set(cnf) == {"jkt" if client.has_proof else "x5t#S256"}
    assert claims_of(client.house, tokens["id_token"])["nonce"] == "n"
    assert client.calls(tokens["access_token"]).status_code == 200


def test_ensure_holder_of_key_required(client: Fapi, person: Visitor) -> None:
    person.agrees(client.client_id)
    code = client.gets_code(person)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": "v" * 64}
    form |= {"redirect_uri": client.redirect_uri, "client_id": client.client_id}
    if client.has_assertion:
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": client.assertion()}

    answer = client.house.app.test_client().post("/token", data=form)

    known = {"invalid_request", "invalid_client", "invalid_grant", "invalid_dpop_proof"}
    assert answer.status_code in {400, 401}
    assert answer.get_json()["error"] in known


def test_ensure_client_assertion_in_token_endpoint(client: Fapi, person: Visitor) -> None:
    """A stranger without the client's key or certificate."""
    person.agrees(client.client_id)
    form = {"grant_type": "authorization_code", "code": client.gets_code(person)}
    form |= {"redirect_uri": client.redirect_uri, "code_verifier": "v" * 64}
    headers = {"DPoP": client.proof("/token")} if client.has_proof else {}

    answer = client.house.app.test_client().post(
        "/token", data={**form, "client_id": client.client_id}, headers=headers
    )

    assert error_of(answer) == (401, "invalid_client")


def test_access_token_type_header_case_sensitivity(client: Fapi, person: Visitor) -> None:
    person.agrees(client.client_id)
    token = client.gets_tokens(person)["access_token"]

    for scheme in (client.scheme.lower(), client.scheme.upper()):
        assert client.calls(token, scheme).status_code == 200


def test_refresh_token(client: Fapi, person: Visitor) -> None:
    """The token is bound to the client and stays the same (FAPI 2.0, 5.3.2.1)."""
    person.agrees(client.client_id)
    first = client.gets_tokens(person)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": first}

    fresh = client.send("/token", [], **form).get_json()

    assert fresh["refresh_token"] == first
    assert client.calls(fresh["access_token"]).status_code == 200


def test_ensure_token_endpoint_fails_with_expired_auth_code(client: Fapi, person: Visitor) -> None:
    person.agrees(client.client_id)
    code = client.gets_code(person)

    with later(client.house, seconds=61):
        assert error_of(client.redeem(code)) == (400, "invalid_grant")


# --- requests -------------------------------------------------------------------------------------


def test_user_rejects_authentication(suite: Suite, fapi: Fapi) -> None:
    browser = suite.browser()
    uri = fapi.push(state="s").get_json()["request_uri"]
    browser.visit(f"/authorize?client_id={fapi.client_id}&request_uri={uri}")

    answer = answer_of(browser.send({"do": "cancel"}))

    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "s", ISSUER)


@pytest.mark.parametrize("length", [1, 64, 384, 4096])
def test_ensure_authorization_request_with_long_state_and_nonce(
    fapi: Fapi, person: Visitor, length: int
) -> None:
    text = "x" * length
    uri = fapi.push(state=text, nonce=text).get_json()["request_uri"]

    answer = answer_of(person.visits(fapi.client_id, uri))
    tokens = fapi.redeem(answer["code"]).get_json()

    assert answer["state"] == text
    assert claims_of(fapi.house, tokens["id_token"])["nonce"] == text


def test_ensure_authorization_request_without_state_and_nonce_success(
    fapi: Fapi, person: Visitor
) -> None:
    uri = fapi.push().get_json()["request_uri"]

    answer = answer_of(person.visits(fapi.client_id, uri))
    claims = claims_of(fapi.house, fapi.redeem(answer["code"]).get_json()["id_token"])

    assert "state" not in answer
    assert not {"nonce", "s_hash"} & set(claims)


def test_par_without_duplicate_parameters_and_with_others_outside(
    fapi: Fapi, person: Visitor
) -> None:
    """Also ensure-different-state-, -nonce-inside-and-outside, state-only-outside: not used."""
    uri = fapi.push(state="inside", nonce="inside").get_json()["request_uri"]

    answer = answer_of(person.visits(fapi.client_id, uri, state="outside", nonce="outside"))

    claims = claims_of(fapi.house, fapi.redeem(answer["code"]).get_json()["id_token"])
    assert (answer["state"], claims["nonce"]) == ("inside", "inside")


@pytest.mark.parametrize("response_type", ["code id_token", "token", "id_token"])
def test_ensure_response_type_code_idtoken_and_token_fails(fapi: Fapi, response_type: str) -> None:
    answer = fapi.push(response_type=response_type)

    assert error_of(answer) == (400, "unsupported_response_type")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_par_attempt_invalid_http_method(fapi: Fapi, method: str) -> None:
    assert fapi.house.app.test_client().open("/par", method=method).status_code == 405


AUDIENCES = [
    [ISSUER],
    [ISSUER, "https://other.vn"],
    f"{ISSUER}/par",
    f"{ISSUER}/token",
    f"{ISSUER}/",
]


@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
def test_par_test_array_par_and_token_endpoint_as_audience_fails(
    fapi: Fapi, audience: object
) -> None:
    assert error_of(fapi.push_with(fapi.assertion(aud=audience))) == (401, "invalid_client")


@pytest.mark.parametrize(("seconds", "status"), [(8, 201), (59, 201), (61, 401), (600, 401)])
def test_par_ensure_jwt_client_assertions_nbf_in_the_future(
    fapi: Fapi, seconds: int, status: int
) -> None:
    moment = fapi.seconds + seconds

    answer = fapi.push_with(fapi.assertion(iat=moment, nbf=moment, exp=moment + 60))

    assert answer.status_code == status


def test_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(fapi: Fapi) -> None:
    answer = fapi.push_with(fapi.assertion(exp=fapi.seconds - 300))

    assert error_of(answer) == (401, "invalid_client")


def test_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(
    suite: Suite, fapi: Fapi
) -> None:
    browser = suite.browser()
    uri = fapi.push().get_json()["request_uri"]
    path = f"/authorize?client_id={fapi.client_id}&request_uri={uri}"
    assert browser.visit(path).request.path.startswith("/login/")

    answer = answer_of(suite.signs_in(browser, path))

    assert "code" in answer


def test_ensure_client_id_in_token_endpoint(suite: Suite, fapi: Fapi, person: Visitor) -> None:
    """Also ensure-authorization-code-is-bound-to-client."""
    other = build(suite, "other", "private_key_jwt", "dpop")
    code = fapi.gets_code(person)

    named = fapi.redeem(code, client_id=other.client_id)
    stolen = other.redeem(code, redirect_uri=fapi.redirect_uri)

    assert error_of(named) == (401, "invalid_client")
    assert error_of(stolen) == (400, "invalid_grant")


# --- proofs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"iat": -10}, {"iat": 10}, {"nbf": 0, "exp": 300}], ids=str)
def test_ensure_dpopproof_with_iat_10seconds_and_check_dpop_proof_nbf_exp(
    fapi: Fapi, person: Visitor, changes: dict[str, int]
) -> None:
    moments = {name: fapi.seconds + value for name, value in changes.items()}
    pushed = fapi.push(proof=fapi.proof("/par", **moments)).get_json()["request_uri"]
    code = answer_of(person.visits(fapi.client_id, pushed))["code"]

    tokens = fapi.redeem(code, proof=fapi.proof("/token", **moments)).get_json()

    assert fapi.calls(tokens["access_token"], **moments).status_code == 200


def test_dpop_negative_tests(fapi: Fapi, person: Visitor) -> None:
    """The rest of them is in tests/oidc/rfc9449 and tests/oidc/fapi2."""
    token = fapi.gets_tokens(person)["access_token"]
    past, future = fapi.seconds - 3600, fapi.seconds + 3600
    bad: list[dict[str, Any]] = [
        {"ath": None}, {"ath": "x"}, {"htm": "PUT"}, {"htu": f"{ISSUER}/other"}, {"iat": past},
        {"iat": future}, {"jti": None}, {"header": {"typ": "JWT"}}, {"header": {"alg": "none"}},
    ]  # fmt: skip
    good: list[dict[str, Any]] = [
        {"htu": f"{ISSUER}/userinfo?x=1#y"}, {"htu": "HTTP://LOCALHOST:8000/userinfo"},
        {"extra": "x", "header": {"extra": "y"}},
    ]  # fmt: skip

    assert {fapi.calls(token, **changes).status_code for changes in bad} <= {400, 401}
    assert {fapi.calls(token, **changes).status_code for changes in good} == {200}


# --- message signing ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signing(suite: Suite, person: Visitor) -> Fapi:
    person.agrees("signing")
    return build(suite, "signing", "private_key_jwt", "dpop", require_signed_request_object=True)


def test_message_signing_happy_flow(signing: Fapi, person: Visitor) -> None:
    pushed = signing.post("/par", request=signing.request_object(response_mode="jwt"))
    uri = pushed.get_json()["request_uri"]

    answer = answer_of(person.visits(signing.client_id, uri))

    claims = claims_of(signing.house, answer["response"])
    assert set(answer) == {"response"}
    assert (claims["iss"], claims["aud"], claims["state"]) == (ISSUER, "signing", "inside")
    assert signing.redeem(claims["code"]).status_code == 200


def test_ensure_request_object_with_multiple_aud_succeeds(signing: Fapi) -> None:
    token = signing.request_object(aud=["https://other.example.vn", ISSUER])

    assert signing.post("/par", request=token).status_code == 201


@pytest.mark.parametrize(("seconds", "status"), [(8, 201), (61, 400)])
def test_ensure_request_object_with_nbf_8_seconds_in_the_future_is_accepted(
    signing: Fapi, seconds: int, status: int
) -> None:
    token = signing.request_object(nbf=signing.seconds + seconds)

    assert signing.post("/par", request=token).status_code == status


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None}, {"nbf": None}, {"exp": -300}, {"exp": 3700}, {"nbf": -3700}, {"aud": "x"},
        {"redirect_uri": None}, {"redirect_uri": "https://evil.example/"}, {"request_uri": "x"},
        {"code_challenge": None}, {"code_challenge_method": "plain"}, {"response_type": "token"},
    ],
    ids=str,
)  # fmt: skip
def test_ensure_request_object_with_something_wrong_fails(
    signing: Fapi, changes: dict[str, Any]
) -> None:
    """without-exp, without-nbf, expired, exp-over-60, nbf-over-60, bad-aud, and their like."""
    moments = {
        name: signing.seconds + value if isinstance(value, int) else value
        for name, value in changes.items()
    }

    answer = signing.post("/par", request=signing.request_object(**moments))

    known = {"invalid_request_object", "invalid_request", "unsupported_response_type"}
    assert answer.status_code == 400
    assert answer.get_json()["error"] in known


def test_ensure_unsigned_request_at_par_endpoint_fails(signing: Fapi) -> None:
    assert error_of(signing.push()) == (400, "invalid_request")
