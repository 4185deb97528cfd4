"""Four relying-party libraries sign the same citizen in; each verifies for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.demo.conftest import Demo
from tests.relying_parties.citizen import Citizen
from tests.relying_parties.conftest import Register
from tests.relying_parties.meddler import between
from tests.relying_parties.program import Program, started

pytestmark = pytest.mark.xdist_group("relying_parties")

CALLBACK, LEFT = "http://localhost:9/callback", "http://localhost:9/left"
PROGRAMS = {
    "authlib": "authlib_client.py",
    "idpyoidc": "idpyoidc_client.py",
    "openid-client": "openid_client.mjs",
    "oidc-client-ts": "oidc_client_ts.mjs",
}
Portal = Callable[..., Program]


@pytest.fixture(params=list(PROGRAMS))
def portal(request: pytest.FixtureRequest, demo: Demo, register: Register) -> Iterator[Portal]:
    """Starts this library's portal, registered as it wants to be."""
    with ExitStack() as stack:

        def start(alg: str = "RS256", **metadata: str) -> Program:
            script = PROGRAMS[request.param]
            is_public = script == "oidc_client_ts.mjs"
            client = register(
                redirect_uris=[CALLBACK],
                post_logout_redirect_uris=[LEFT],
                grant_types=["authorization_code", "refresh_token"],
                scope="openid profile",
                id_token_signed_response_alg=alg,
                token_endpoint_auth_method="none" if is_public else "client_secret_basic",
            )
            settings = {
                "issuer": demo.issuer,
                "client_id": client["client_id"],
                "client_secret": client.get("client_secret", ""),
                "redirect_uri": CALLBACK,
                "post_logout_redirect_uri": LEFT,
                "scope": "openid profile",
                "alg": alg,
                "metadata": metadata,
            }
            return stack.enter_context(started(script, settings))

        yield start


def with_other(url: str, **values: str) -> str:
    """The same answer with something changed on its way."""
    head, _, query = url.partition("?")
    return f"{head}?{urlencode({**dict(parse_qsl(query)), **values})}"


def signed_in(program: Program, citizen: Citizen, **asked: str) -> dict[str, Any]:
    url = program.succeeds("begin", **asked)["url"]
    return program.succeeds("finish", url=citizen.goes_to(url))


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_library_signs_a_citizen_in_and_verifies_the_level(
    demo: Demo, portal: Portal, citizen: Citizen, alg: str
) -> None:
    program = portal(alg)

    found = signed_in(program, citizen, acr_values="ial2")

    assert found["claims"]["iss"] == demo.issuer
    assert found["claims"]["acr"] == "ial2"
    assert found["claims"]["amr"] == ["pwd", "sms", "otp", "mfa"]
    assert found["userinfo"]["sub"] == found["claims"]["sub"]
    assert found["userinfo"]["name"] == citizen.person["full_name"]


def test_a_refreshed_id_token_says_what_the_first_one_said(
    portal: Portal, citizen: Citizen
) -> None:
    program = portal()
    before = signed_in(program, citizen)["claims"]

    after = program.succeeds("refresh")

    assert after["is_rotated"]
    said = ("iss", "sub", "acr", "amr", "auth_time", "sid")
    assert {name: after["claims"][name] for name in said} == {n: before[n] for n in said}
    assert program.succeeds("userinfo")["userinfo"]["sub"] == before["sub"]


def test_rp_initiated_logout_leads_back_and_ends_the_session(
    portal: Portal, citizen: Citizen
) -> None:
    program = portal()
    signed_in(program, citizen)
    asked = program.succeeds("logout")

    back = citizen.goes_to(asked["url"])

    assert back == f"{LEFT}?{urlencode({'state': asked['state']})}"
    again = program.succeeds("begin", prompt="none")
    answer = program("finish", url=citizen.goes_to(again["url"]))
    assert "login_required" in answer["refused"]
    assert "refused" in program("refresh")


def test_an_answer_with_another_state_is_refused(portal: Portal, citizen: Citizen) -> None:
    program = portal()
    back = citizen.goes_to(program.succeeds("begin")["url"])

    answer = program("finish", url=with_other(back, state="somebody-elses"))

    assert "refused" in answer


def test_a_code_of_another_sign_in_is_refused(portal: Portal, citizen: Citizen) -> None:
    """Injected into this one, with its state: PKCE and nonce both hold it off (RFC 9700, 4.5)."""
    program = portal()
    stolen = citizen.goes_to(program.succeeds("begin")["url"])
    code = dict(parse_qsl(urlsplit(stolen).query))["code"]
    back = citizen.goes_to(program.succeeds("begin")["url"])

    answer = program("finish", url=with_other(back, code=code))

    assert "invalid_grant" in answer["refused"]


def test_a_level_raised_on_the_way_is_refused(demo: Demo, portal: Portal, citizen: Citizen) -> None:
    with between(f"{demo.issuer}/token") as meddled:
        program = portal(token_endpoint=meddled)
        back = citizen.goes_to(program.succeeds("begin")["url"])

        answer = program("finish", url=back)

    assert "refused" in answer
