"""JSON Web Tokens (RFC 7519): no example passes for an assertion, request, hint or token."""

from __future__ import annotations

import pytest

from idp.oidc.assertions import read_times
from tests.support import vectors
from tests.support.house import House, answer_of
from tests.support.portal_kit import Program, Visitor, add_program

EXAMPLES = {
    "3.1 HMAC": vectors.HS256,
    "6.1 unsecured": vectors.UNSIGNED,
    "RS256": vectors.RS256,
    "ES256": vectors.ES256,
    "ES512": vectors.ES512,
    "EdDSA": vectors.EDDSA,
    "critical": vectors.NEGOTIATED,
    "A.1 encrypted": vectors.ENCRYPTED,
}


@pytest.fixture(scope="module")
def program(shared: House, visitor: Visitor) -> Program:
    """A client whose registered key is that of the example."""
    visitor.agrees("joe")
    key = {name: value for name, value in vectors.EC_KEY.items() if name != "d"}
    return add_program(
        shared, "joe", profile="standard", jwks={"keys": [key]}, dpop_bound_access_tokens=False
    )


@pytest.mark.parametrize("token", EXAMPLES.values(), ids=EXAMPLES)
def test_rfc7519_7_2_no_example_is_a_client_assertion(program: Program, token: str) -> None:
    assert program.push_with(token).get_json()["error"] == "invalid_client"


@pytest.mark.parametrize("token", EXAMPLES.values(), ids=EXAMPLES)
def test_rfc7519_7_2_no_example_is_a_request_object(
    program: Program, visitor: Visitor, token: str
) -> None:
    answer = visitor.client.get(program.plain_request(request=token))

    assert answer_of(answer)["error"] == "invalid_request_object"


@pytest.mark.parametrize("token", EXAMPLES.values(), ids=EXAMPLES)
def test_rfc7519_7_2_no_example_is_a_hint(program: Program, visitor: Visitor, token: str) -> None:
    answer = visitor.client.get(program.plain_request(id_token_hint=token))

    assert answer_of(answer)["error"] == "invalid_request"


@pytest.mark.parametrize("token", EXAMPLES.values(), ids=EXAMPLES)
def test_rfc7519_7_2_no_example_is_an_access_token(program: Program, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = program.house.app.test_client().get("/userinfo", headers=headers)

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


def test_rfc7519_4_1_4_the_example_is_good_until_its_last_second_and_a_minute() -> None:
    expires = vectors.CLAIMS["exp"]
    assert isinstance(expires, int)

    good = [read_times(vectors.CLAIMS, now=expires + at, longest=3600) for at in (-3600, 0, 59)]
    bad = [read_times(vectors.CLAIMS, now=expires + at, longest=3600) for at in (-3661, 60, 99)]

    assert all(good)
    assert not any(bad)
