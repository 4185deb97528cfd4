"""openid-client as a ``fapi2`` portal: PAR, signed request object, JARM, DPoP, private_key_jwt."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc.jwk import ECKey

from tests.demo.conftest import Demo
from tests.relying_parties.citizen import Citizen
from tests.relying_parties.conftest import Register
from tests.relying_parties.program import Program, started

pytestmark = pytest.mark.xdist_group("relying_parties")

CALLBACK, LEFT = "http://localhost:9/callback", "http://localhost:9/left"


@pytest.fixture
def portal(demo: Demo, register: Register) -> Iterator[Program]:
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    client = register(
        profile="fapi2",
        redirect_uris=[CALLBACK],
        post_logout_redirect_uris=[LEFT],
        grant_types=["authorization_code", "refresh_token"],
        scope="openid profile",
        token_endpoint_auth_method="private_key_jwt",
        dpop_bound_access_tokens=True,
        require_signed_request_object=True,
        jwks={"keys": [key.as_dict(private=False)]},
    )
    settings = {
        "issuer": demo.issuer,
        "client_id": client["client_id"],
        "redirect_uri": CALLBACK,
        "post_logout_redirect_uri": LEFT,
        "scope": "openid profile",
        "alg": "ES256",
        "metadata": {},
        "jwk": key.as_dict(private=True),
    }
    with started("openid_client_fapi2.mjs", settings) as program:
        yield program


def test_a_fapi2_portal_signs_a_citizen_in(portal: Program, citizen: Citizen) -> None:
    asked = portal.succeeds("begin", acr_values="ial2")["url"]
    back = citizen.goes_to(asked)

    found = portal.succeeds("finish", url=back)

    assert set(dict(parse_qsl(urlsplit(asked).query))) == {"client_id", "request_uri"}
    assert set(dict(parse_qsl(urlsplit(back).query))) == {"response"}
    assert found["token_type"].lower() == "dpop"
    assert found["claims"]["acr"] == "ial2"
    assert found["userinfo"]["name"] == citizen.person["full_name"]


def test_a_fapi2_portal_refreshes_and_a_thief_of_its_token_gets_nothing(
    portal: Program, citizen: Citizen
) -> None:
    portal.succeeds("finish", url=citizen.goes_to(portal.succeeds("begin")["url"]))

    refreshed = portal.succeeds("refresh")
    stolen = portal("stolen")

    assert refreshed["token_type"].lower() == "dpop"
    assert refreshed["claims"]["acr"] == "ial2"
    assert "invalid_token" in stolen["refused"]


def test_a_revoked_grant_is_soon_not_active(portal: Program, citizen: Citizen) -> None:
    portal.succeeds("finish", url=citizen.goes_to(portal.succeeds("begin")["url"]))
    before = portal.succeeds("introspect")

    portal.succeeds("revoke")

    assert before["active"] is True
    assert "invalid_grant" in portal("refresh")["refused"]
    deadline = time.monotonic() + 5  # introspection remembers a good grant for two seconds
    while (after := portal.succeeds("introspect"))["active"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert after == {"active": False}


def test_an_answer_changed_on_the_way_is_refused(portal: Program, citizen: Citizen) -> None:
    back = citizen.goes_to(portal.succeeds("begin")["url"])
    header, payload, signature = dict(parse_qsl(urlsplit(back).query))["response"].split(".")
    plain = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    changed = urlsafe_b64encode(plain.replace(b'"code":"', b'"code":"x')).rstrip(b"=").decode()

    answer = portal(
        "finish", url=f"{CALLBACK}?{urlencode({'response': f'{header}.{changed}.{signature}'})}"
    )

    assert changed != payload
    assert "refused" in answer


def test_a_fapi2_portal_signs_out(portal: Program, citizen: Citizen) -> None:
    portal.succeeds("finish", url=citizen.goes_to(portal.succeeds("begin")["url"]))
    asked = portal.succeeds("logout")

    back = citizen.goes_to(asked["url"])

    assert back == f"{LEFT}?{urlencode({'state': asked['state']})}"
    assert "refused" in portal("refresh")
