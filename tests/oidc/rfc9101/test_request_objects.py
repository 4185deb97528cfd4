"""Signed authorization requests (RFC 9101; OpenID Connect Core, 6): by value and by reference."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.support.house import House, answer_of
from tests.support.portal_kit import ISSUER, Documents, Program, Visitor, add_program, b64, signed

API = "https://api.example.vn/"
AT = "https://plain.example.vn/request.jwt"


@pytest.fixture(scope="module")
def plain(shared: House, visitor: Visitor) -> Program:
    """A portal that may sign its requests."""
    visitor.agrees("plain")
    return add_program(
        shared,
        "plain",
        profile="standard",
        dpop_bound_access_tokens=False,
        resources=[API],
        request_uris=[AT, f"{AT}2#sha256"],
    )


@pytest.fixture(scope="module")
def signer(shared: House, visitor: Visitor) -> Program:
    """A portal that has to."""
    visitor.agrees("signer")
    return add_program(
        shared,
        "signer",
        profile="standard",
        dpop_bound_access_tokens=False,
        require_signed_request_object=True,
    )


@pytest.fixture(scope="module")
def strict(shared: House, visitor: Visitor) -> Program:
    """A portal of FAPI 2.0."""
    visitor.agrees("strict")
    return add_program(shared, "strict")


def sends(visitor: Visitor, program: Program, request: str, **more: str | None) -> dict[str, str]:
    """The answer at redirect_uri to a request object by value."""
    asked = program.plain_request(request=request, **more)
    return answer_of(visitor.client.get(asked))


def test_rfc9101_5_1_a_request_by_value_is_answered(visitor: Visitor, plain: Program) -> None:
    answer = sends(visitor, plain, plain.request_object())

    assert (answer["state"], "code" in answer) == ("inside", True)


def test_rfc9101_5_2_a_request_by_reference_is_fetched(
    visitor: Visitor, plain: Program, documents: Documents
) -> None:
    documents.pages[AT] = plain.request_object().encode()

    answer = answer_of(visitor.client.get(plain.plain_request(request_uri=AT)))

    assert (answer["state"], "code" in answer) == ("inside", True)


def test_oidc_registration_2_the_fragment_of_a_request_uri_is_not_fetched(
    visitor: Visitor, plain: Program, documents: Documents
) -> None:
    documents.pages[f"{AT}2"] = plain.request_object().encode()

    answer = answer_of(visitor.client.get(plain.plain_request(request_uri=f"{AT}2#sha256")))

    assert answer["state"] == "inside"


@pytest.mark.parametrize(
    "uri",
    [
        f"{AT}3",
        "https://evil.example/",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        f"{AT}?a=1",
        "x",
    ],
)
def test_rfc9101_10_4_what_is_not_registered_is_never_fetched(
    visitor: Visitor, plain: Program, documents: Documents, uri: str
) -> None:
    answer = answer_of(visitor.client.get(plain.plain_request(request_uri=uri)))

    assert answer["error"] == "invalid_request_uri"
    assert uri not in documents.asked


@pytest.mark.parametrize("page", [b"", b"\xff", b"x" * 40000, b"<html>", b"a.b.c"])
def test_rfc9101_6_1_a_document_that_is_no_request_object_is_an_error(
    visitor: Visitor, plain: Program, documents: Documents, page: bytes
) -> None:
    documents.pages[AT] = page

    answer = answer_of(visitor.client.get(plain.plain_request(request_uri=AT)))

    assert answer["error"] in {"invalid_request_uri", "invalid_request_object"}


def test_rfc9101_5_request_and_request_uri_exclude_each_other(
    visitor: Visitor, plain: Program
) -> None:
    answer = sends(visitor, plain, plain.request_object(), request_uri=AT)

    assert answer["error"] == "invalid_request"


# --- whose, for whom, when ----------------------------------------------------------------------

WRONG: dict[str, dict[str, Any]] = {
    "iss of another": {"iss": "other"},
    "iss is a number": {"iss": 5},
    "aud of another": {"aud": "https://other.example/"},
    "aud is the endpoint": {"aud": f"{ISSUER}/authorize"},
    "aud is an object": {"aud": {"a": 1}},
    "exp is over": {"exp": 1},
    "exp is far": {"exp": 4102444800},
    "exp is text": {"exp": "4102444800"},
    "exp is negative": {"exp": -1},
    "nbf is in the future": {"nbf": 4102444800},
    "nbf is long ago": {"nbf": 1},
    "client_id of another": {"client_id": "other"},
    "client_id is a number": {"client_id": 5},
    "sub is the client": {"sub": "plain"},
    "a request inside": {"request": "e30.e30."},
    "a request_uri inside": {"request_uri": AT},
    "scope is a list": {"scope": ["openid"]},
    "nonce is an object": {"nonce": {"a": 1}},
    "state is a number": {"state": 5},
    "state is true": {"state": True},
    "redirect_uri is a list": {"redirect_uri": ["https://plain.example.vn/callback"]},
    "response_type is a list": {"response_type": ["code"]},
    "response_type is another": {"response_type": "token"},
    "max_age is true": {"max_age": True},
    "max_age is half": {"max_age": 1.5},
    "acr_values is a list": {"acr_values": ["ial2"]},
    "resource is a number": {"resource": 5},
    "resource is a list of numbers": {"resource": [5]},
    "prompt is a list": {"prompt": ["login"]},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_rfc9101_6_what_is_wrong_inside_is_invalid_request_object(
    visitor: Visitor, plain: Program, changes: dict[str, Any]
) -> None:
    answer = sends(visitor, plain, plain.request_object(**changes))

    assert answer["error"] == "invalid_request_object"


HEADERS: dict[str, dict[str, Any]] = {
    "none": {"alg": "none"},
    "HS256": {"alg": "HS256"},
    "RS256 with a key of EC": {"alg": "RS256"},
    "crit": {"crit": ["exp"], "exp": 1},
    "b64": {"crit": ["b64"], "b64": False},
    "b64 without crit": {"b64": False},
    "typ of an assertion": {"typ": "client-authentication+jwt"},
    "typ of a proof": {"typ": "dpop+jwt"},
    "typ of a logout token": {"typ": "logout+jwt"},
    "kid of nobody": {"kid": "nobody"},
    "kid is a list": {"kid": ["a"]},
    "alg is a list": {"alg": ["ES256"]},
    "typ is an object": {"typ": {}},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_rfc9101_6_2_a_wrong_header_is_invalid_request_object(
    visitor: Visitor, plain: Program, header: dict[str, Any]
) -> None:
    answer = sends(visitor, plain, plain.request_object(header=header))

    assert answer["error"] == "invalid_request_object"


@pytest.mark.parametrize(
    "typ",
    ["JWT", "jwt", "oauth-authz-req+jwt", "OauTH-auThZ-REQ+jWt", "application/oauth-authz-req+jwt"],
)
def test_rfc7515_4_1_9_the_type_is_a_media_type_in_letters_of_either_case(
    visitor: Visitor, plain: Program, typ: str
) -> None:
    """The suite writes it in changing letters (message signing, the second client)."""
    answer = sends(visitor, plain, plain.request_object(header={"typ": typ}))

    assert "error" not in answer


def test_rfc9101_6_2_an_unsigned_request_object_is_refused(
    visitor: Visitor, plain: Program
) -> None:
    _, body, _ = plain.request_object().split(".")
    header = b64(json.dumps({"alg": "none"}).encode())

    for token in (f"{header}.{body}.", f"{header}.{body}.AA"):
        assert sends(visitor, plain, token)["error"] == "invalid_request_object"


def test_rfc8725_2_1_the_public_key_is_no_secret_of_request_objects(
    visitor: Visitor, plain: Program
) -> None:
    _, body, _ = plain.request_object().split(".")
    claims = body + "=" * (-len(body) % 4)
    secret = plain.key.as_pem(private=False)

    token = signed(secret, {"alg": "HS256"}, base64.urlsafe_b64decode(claims))

    assert sends(visitor, plain, token)["error"] == "invalid_request_object"


def test_rfc9101_10_2_another_keys_signature_is_refused(visitor: Visitor, plain: Program) -> None:
    stranger = Program(
        plain.house, plain.client_id, plain.redirect_uri, ECKey.generate_key("P-256")
    )
    header = {"jwk": stranger.key.as_dict(private=False)}

    for token in (stranger.request_object(), stranger.request_object(header=header)):
        assert sends(visitor, plain, token)["error"] == "invalid_request_object"


def test_rfc9101_10_8_a_client_assertion_is_no_request_object(
    visitor: Visitor, plain: Program
) -> None:
    assert sends(visitor, plain, plain.assertion())["error"] == "invalid_request_object"


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b'"a"', b"{", b"\xff", b'{"a":1e400}', b'{"a":NaN}',
        b'{"a":"\\ud800"}', b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)  # fmt: skip
def test_rfc7519_7_2_claims_that_cannot_be_read_are_an_error(
    visitor: Visitor, plain: Program, payload: bytes
) -> None:
    token = signed(plain.key, {"alg": "ES256"}, payload)

    assert sends(visitor, plain, token)["error"] == "invalid_request_object"


def test_rfc7519_4_the_last_of_two_members_of_one_name_counts(
    visitor: Visitor, plain: Program
) -> None:
    _, body, _ = plain.request_object(state="first").split(".")

    claims = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    doubled = f'{claims[:-1]}, "state": "last"}}'.encode()

    assert sends(visitor, plain, signed(plain.key, {"alg": "ES256"}, doubled))["state"] == "last"


# --- what counts --------------------------------------------------------------------------------


def test_rfc9101_6_3_parameters_inside_go_before_those_outside(
    visitor: Visitor, plain: Program
) -> None:
    answer = sends(visitor, plain, plain.request_object(), state="outside", nonce="x")

    assert answer["state"] == "inside"


@pytest.mark.parametrize("fixture", ["signer", "strict"])
def test_rfc9101_6_3_nothing_unsigned_counts_from_who_has_to_sign(
    request: pytest.FixtureRequest, visitor: Visitor, fixture: str
) -> None:
    program: Program = request.getfixturevalue(fixture)
    token = program.request_object(state=None, code_challenge=None, code_challenge_method=None)

    if fixture == "strict":
        error = program.push(request=token).get_json()["error"]
    else:
        error = sends(visitor, program, token)["error"]

    assert error == "invalid_request"  # the code_challenge outside does not count


def test_rfc9101_5_who_has_to_sign_is_answered_in_the_open(
    visitor: Visitor, signer: Program
) -> None:
    answers = [
        sends(visitor, signer, signer.request_object(client_id=client_id))
        for client_id in (signer.client_id, None)
    ]

    assert [("code" in answer, answer["state"]) for answer in answers] == [(True, "inside")] * 2


def test_rfc9101_10_5_who_has_to_sign_is_not_heard_without(
    visitor: Visitor, signer: Program
) -> None:
    opened = answer_of(visitor.client.get(signer.plain_request()))
    pushed = signer.push()

    assert opened["error"] == "invalid_request"
    assert (pushed.status_code, pushed.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("missing", ["aud", "exp", "nbf", "iss"])
def test_fapi2_message_signing_5_3_1_each_of_these_must_be_inside(
    strict: Program, missing: str
) -> None:
    answer = strict.push(request=strict.request_object(**{missing: None}))

    assert answer.get_json()["error"] == "invalid_request_object"


@pytest.mark.parametrize(
    ("nbf", "exp", "is_good"),
    [(0, 300, True), (-3500, 30, True), (-3700, 30, False), (-1800, 1900, False), (8, 300, True),
     (90, 300, False), (0, 3590, True), (0, 3700, False)],
)  # fmt: skip
def test_fapi2_message_signing_5_3_1_an_hour_at_most(
    strict: Program, nbf: int, exp: int, is_good: bool
) -> None:
    moments = {"nbf": strict.seconds + nbf, "exp": strict.seconds + exp}

    assert (strict.push(request=strict.request_object(**moments)).status_code == 201) is is_good


def test_oidc_core_6_1_claims_and_max_age_are_json_inside(visitor: Visitor, plain: Program) -> None:
    token = plain.request_object(
        claims={"userinfo": {"name": None}}, max_age=600, resource=[API], unknown={"a": [1]}
    )

    assert "code" in sends(visitor, plain, token)


def test_oidc_core_6_1_the_client_id_outside_must_be_that_inside(
    visitor: Visitor, plain: Program, signer: Program
) -> None:
    address = signer.plain_request(request=plain.request_object())

    assert answer_of(visitor.client.get(address))["error"] == "invalid_request_object"


def test_rfc9101_5_an_error_is_not_sent_where_only_a_bad_object_says(
    visitor: Visitor, plain: Program
) -> None:
    token = plain.request_object(redirect_uri="https://evil.example/", aud="x")

    page = visitor.client.get(plain.plain_request(request=token, redirect_uri=None))

    assert (page.status_code, "Location" in page.headers) == (400, False)


@pytest.mark.parametrize("name", ["request", "request_uri"])
def test_rfc6749_3_1_a_repeated_request_is_refused(
    visitor: Visitor, plain: Program, name: str
) -> None:
    answer = visitor.client.get(f"{plain.plain_request()}&{name}=a&{name}=b")

    assert answer_of(answer)["error"] == "invalid_request"
