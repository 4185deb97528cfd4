"""The token endpoint (RFC 6749, 2.3, 3.2, 4.4, 5 and 6): who may ask, and what is answered."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote_plus

import pytest
from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]
ERROR = re.compile(r"[a-z_]+")
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
CREDENTIALS = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("endpoint")
    return add_portal(shared, "endpoint", grant_types=GRANTS)


@pytest.fixture(scope="module")
def poster(shared: House) -> PortalClient:
    found = {"token_endpoint_auth_method": "client_secret_post", "grant_types": GRANTS}
    return add_portal(shared, "poster", **found)


def tokens_of(portal: PortalClient, visitor: Visitor, **changes: str) -> dict[str, Any]:
    code = answer_of(visitor.client.get(portal.request(**changes)))["code"]
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


def send(house: House, form: object = None, **how: Any) -> TestResponse:
    return house.app.test_client().post("/token", data=form or CREDENTIALS, **how)


# --- 2.3: client authentication -------------------------------------------------------------------


def test_rfc6749_2_3_1_both_halves_of_basic_are_form_encoded(shared: House) -> None:
    secret = "s p+a%c:é/" + "x" * 30
    portal = add_portal(shared, "odd", grant_types=GRANTS, client_secret=secret)
    text = f"{quote_plus(portal.client_id)}:{quote_plus(secret)}"
    header = {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}

    assert send(shared, headers=header).status_code == 200


def test_rfc6749_2_3_1_the_registered_way_is_the_only_one(
    shared: House, portal: PortalClient, poster: PortalClient
) -> None:
    in_body = {"client_id": portal.client_id, "client_secret": portal.secret, **CREDENTIALS}
    in_header = (poster.client_id, poster.secret)

    assert send(shared, in_body).get_json()["error"] == "invalid_client"
    assert send(shared, auth=in_header).get_json()["error"] == "invalid_client"
    assert send(shared, in_body | {"client_id": "poster", "client_secret": poster.secret})\
        .status_code == 200  # fmt: skip


def test_rfc6749_2_3_1_a_secret_in_the_address_counts_for_nothing(
    shared: House, poster: PortalClient
) -> None:
    query = {"client_id": poster.client_id, "client_secret": poster.secret}

    answer = send(shared, query_string=query)

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_rfc6749_2_3_two_ways_at_once_are_invalid_request(
    shared: House, portal: PortalClient
) -> None:
    form = {"client_id": portal.client_id, "client_secret": portal.secret, **CREDENTIALS}

    answer = send(shared, form, auth=(portal.client_id, portal.secret))

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["endpoint", "nobody", "", "\0", "é", "a" * 3000])
def test_rfc6749_5_2_unknown_client_and_wrong_secret_are_told_alike(
    shared: House, portal: PortalClient, name: str
) -> None:
    known = send(shared, auth=(portal.client_id, "wrong"))

    answer = send(shared, auth=(name, "wrong"))

    assert (answer.status_code, answer.data) == (known.status_code, known.data)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_rfc6749_3_2_1_a_confidential_client_does_not_pass_as_public(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "client_id": portal.client_id,
            "redirect_uri": portal.redirect_uri, "code_verifier": portal.verifier}  # fmt: skip

    answer = send(shared, form)

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


# --- 3.2: the endpoint ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_rfc6749_3_2_only_post_is_answered(
    shared: House, portal: PortalClient, method: str
) -> None:
    answer = shared.app.test_client().open(
        "/token", method=method, query_string=CREDENTIALS, auth=(portal.client_id, portal.secret)
    )

    assert answer.status_code == 405
    assert "access_token" not in answer.text


def test_rfc6749_3_2_unknown_parameters_are_ignored(portal: PortalClient) -> None:
    assert portal.token(**CREDENTIALS, extra="x", audience="y").status_code == 200


def test_rfc6749_3_2_a_parameter_without_a_value_is_as_if_it_were_not_there(
    portal: PortalClient,
) -> None:
    assert portal.token(**CREDENTIALS, scope="", client_secret="").status_code == 200
    assert portal.token(grant_type="").get_json()["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["grant_type", "scope", "code", "client_id", "client_secret"])
def test_rfc6749_3_2_a_parameter_comes_once(shared: House, portal: PortalClient, name: str) -> None:
    body = f"grant_type=client_credentials&{name}=1&{name}=2"
    form = "application/x-www-form-urlencoded"

    answer = send(shared, body, auth=(portal.client_id, portal.secret), content_type=form)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


# --- 5: answers -----------------------------------------------------------------------------------


def test_rfc6749_5_1_tokens_come_as_json_and_are_never_kept(
    portal: PortalClient, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(portal.request()))["code"]

    answer = portal.redeems(code)

    assert answer.content_type.startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    found = answer.get_json()
    assert found["token_type"] == "Bearer"
    assert isinstance(found["expires_in"], int)
    assert found["expires_in"] <= 600


ERRORS: list[tuple[dict[str, str], int, str]] = [
    ({}, 400, "invalid_request"),
    ({"grant_type": "authorization_code"}, 400, "invalid_request"),
    ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_grant"),
    ({"grant_type": "authorization_code", "code": "\0"}, 400, "invalid_grant"),
    ({"grant_type": "authorization_code", "code": "é" * 99}, 400, "invalid_grant"),
    ({"grant_type": "authorization_code", "code": "A" * 20_000}, 400, "invalid_grant"),
    ({"grant_type": "refresh_token"}, 400, "invalid_request"),
    ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
    ({"grant_type": "refresh_token", "refresh_token": "A" * 70}, 400, "invalid_grant"),
    ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
    ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
    ({"grant_type": "Authorization_Code"}, 400, "unsupported_grant_type"),
    ({"grant_type": 'x"\\é\n'}, 400, "unsupported_grant_type"),
    ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, 400, "unauthorized_client"),
    ({"grant_type": "client_credentials", "scope": "openid"}, 400, "invalid_scope"),
    ({"grant_type": "client_credentials", "scope": "ssf.manage"}, 400, "invalid_scope"),
    ({"grant_type": "client_credentials", "scope": "é\0"}, 400, "invalid_scope"),
    ({"grant_type": "client_credentials", "resource": "https://x.vn/"}, 400, "invalid_target"),
]


@pytest.mark.parametrize(("form", "status", "error"), ERRORS, ids=str)
def test_rfc6749_5_2_an_error_has_its_code_and_is_never_kept(
    portal: PortalClient, form: dict[str, str], status: int, error: str
) -> None:
    answer = portal.token(**form)
    found = answer.get_json()

    assert (answer.status_code, found["error"]) == (status, error)
    assert set(found) <= {"error", "error_description"}
    assert ERROR.fullmatch(found["error"])
    assert DESCRIPTION.fullmatch(found.get("error_description", ""))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type.startswith("application/json")


# --- 6: refreshing --------------------------------------------------------------------------------


def refresh(portal: PortalClient, token: str, **more: str) -> TestResponse:
    return portal.token(grant_type="refresh_token", refresh_token=token, **more)


def test_rfc6749_6_a_narrower_scope_is_granted_and_the_next_turn_has_all_of_it(
    portal: PortalClient, visitor: Visitor
) -> None:
    tokens = tokens_of(portal, visitor, scope="openid profile email")

    narrow = refresh(portal, tokens["refresh_token"], scope="openid email").get_json()
    wide = refresh(portal, narrow["refresh_token"]).get_json()

    assert narrow["scope"] == "openid email"
    assert set(wide["scope"].split()) == {"openid", "profile", "email"}


@pytest.mark.parametrize("scope", ["openid phone", "phone", "x", "openid offline_access", "é"])
def test_rfc6749_6_more_than_was_granted_is_invalid_scope_and_spends_nothing(
    portal: PortalClient, visitor: Visitor, scope: str
) -> None:
    token = tokens_of(portal, visitor, scope="openid email")["refresh_token"]

    answer = refresh(portal, token, scope=scope)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")
    assert refresh(portal, token).status_code == 200


def test_rfc6749_6_a_refresh_token_belongs_to_its_client(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    thief = add_portal(shared, "thief", grant_types=GRANTS)
    token = tokens_of(portal, visitor)["refresh_token"]

    answer = refresh(thief, token)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert refresh(portal, token).status_code == 200


def test_rfc6749_4_4_3_no_refresh_token_comes_with_client_credentials(
    portal: PortalClient,
) -> None:
    found = portal.token(**CREDENTIALS).get_json()

    assert set(found) == {"access_token", "token_type", "expires_in"}
