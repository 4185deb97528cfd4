"""Bearer tokens at a resource of ours, userinfo (RFC 6750): where they stand, what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("bearer")
    grants = ["authorization_code", "refresh_token", "client_credentials"]
    return add_portal(shared, "bearer", grant_types=grants)


@pytest.fixture(scope="module")
def token(portal: PortalClient, visitor: Visitor) -> str:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    return str(portal.redeems(code).get_json()["access_token"])


def call(house: House, method: str = "GET", **how: Any) -> TestResponse:
    return house.app.test_client().open("/userinfo", method=method, **how)


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


# --- 2: where a token may stand -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_rfc6750_2_1_the_header_is_read_whatever_the_case_of_its_scheme(
    shared: House, token: str, method: str, scheme: str
) -> None:
    assert call(shared, method, headers=bearer(token, scheme)).status_code == 200


def test_rfc6750_2_2_a_forms_body_is_read(shared: House, token: str) -> None:
    assert call(shared, "POST", data={"access_token": token}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "", "x/y"])
def test_rfc6750_2_2_a_body_of_another_type_is_not(shared: House, token: str, kind: str) -> None:
    body = f"access_token={token}".encode()

    assert call(shared, "POST", data=body, content_type=kind).status_code == 401


def test_rfc6750_2_2_the_body_of_a_get_has_no_meaning(shared: House, token: str) -> None:
    assert call(shared, "GET", data=f"access_token={token}", content_type=FORM).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_rfc6750_2_3_an_address_is_no_place_for_a_token(
    shared: House, token: str, method: str
) -> None:
    assert call(shared, method, query_string={"access_token": token}).status_code == 401


def test_rfc6750_2_a_token_stands_in_one_place(shared: House, token: str) -> None:
    answer = call(shared, "POST", data={"access_token": token}, headers=bearer(token))

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


# --- 3: refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "x"}])
def test_rfc6750_3_1_who_shows_no_token_gets_a_challenge_without_an_error_code(
    shared: House, headers: dict[str, str]
) -> None:
    answer = call(shared, headers=headers)

    assert answer.status_code == 401
    assert re.fullmatch(r'Bearer realm="[^"]+"', answer.headers["WWW-Authenticate"])


HOSTILE = ["x", "a.b.c", "..", "mc_", "mc_AAAA", "A" * 9000, "e30.e30.", "é", "'--", "x y", "\\"]


@pytest.mark.parametrize("text", HOSTILE)
def test_rfc6750_3_1_a_token_that_is_none_is_invalid_token(shared: House, text: str) -> None:
    headers = {"Authorization": f"Bearer {text}".encode().decode("latin-1")}

    answer = call(shared, headers=headers)

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.headers.getlist("WWW-Authenticate") == [answer.headers["WWW-Authenticate"]]


def test_rfc6750_3_1_a_token_of_another_kind_is_invalid_token(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    tokens = portal.redeems(code).get_json()
    of_client = portal.token(grant_type="client_credentials").get_json()["access_token"]

    for text in (tokens["id_token"], tokens["refresh_token"], code, of_client):
        answer = call(shared, headers=bearer(text))

        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


def test_rfc6750_3_1_too_little_scope_is_403_and_says_what_is_missing(
    shared: House, portal: PortalClient, visitor: Visitor
) -> None:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    refresh = portal.redeems(code).get_json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "scope": "profile"}
    narrow = portal.token(**form).get_json()["access_token"]

    answer = call(shared, headers=bearer(narrow))

    assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="openid"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}])
def test_rfc6750_5_3_no_answer_is_kept(shared: House, headers: dict[str, str]) -> None:
    assert call(shared, headers=headers).headers["Cache-Control"] == "no-store"


def test_rfc6750_5_3_nor_is_a_good_one(shared: House, token: str) -> None:
    assert call(shared, headers=bearer(token)).headers["Cache-Control"] == "no-store"
