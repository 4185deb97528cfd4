"""Introspection (RFC 7662): who may ask, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import ISSUER, Visitor, open_plain_house, sign_in

API = "https://api.example.vn/"
GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("portal")
    return add_portal(shared, "portal", grant_types=GRANTS, resources=[API])


@pytest.fixture(scope="module")
def api(shared: House) -> PortalClient:
    """The resource server that tokens for ``API`` are for."""
    return add_portal(shared, "api", protected_resources=[API])


@pytest.fixture(scope="module")
def stranger(shared: House) -> PortalClient:
    return add_portal(shared, "stranger", protected_resources=["https://other.example.vn/"])


def tokens_of(portal: PortalClient, visitor: Visitor, **changes: str) -> dict[str, Any]:
    code = answer_of(visitor.client.get(portal.request(**changes)))["code"]
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


def ask(by: PortalClient, token: str, **form: str) -> dict[str, Any]:
    answer = by.house.app.test_client().post(
        "/introspect", data={"token": token, **form}, auth=(by.client_id, by.secret)
    )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = answer.get_json()
    return found


def test_rfc7662_2_2_a_token_is_told_to_the_resource_that_it_is_for(
    portal: PortalClient, api: PortalClient, visitor: Visitor
) -> None:
    token = tokens_of(portal, visitor, resource=API)["access_token"]

    told = ask(api, token)

    assert told["active"] is True
    assert (told["iss"], told["client_id"], told["aud"]) == (ISSUER, "portal", API)
    assert told["token_type"] == "Bearer"
    assert {"sub", "scope", "iat", "exp", "jti", "acr", "auth_time"} <= set(told)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "nonsense"])
def test_rfc7662_2_1_a_hint_only_helps(
    portal: PortalClient, visitor: Visitor, kind: str, hint: str
) -> None:
    token = tokens_of(portal, visitor)[kind]

    assert ask(portal, token, token_type_hint=hint)["active"] is True


def test_rfc7662_4_nobody_else_hears_more_than_false(
    portal: PortalClient, stranger: PortalClient, api: PortalClient, visitor: Visitor
) -> None:
    tokens = tokens_of(portal, visitor)

    for each in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"]):
        assert ask(stranger, each) == {"active": False}
    assert ask(api, tokens["access_token"]) == {"active": False}


HOSTILE = ["x", ".", "..", "a.b.c", "é", "\0", "mc_", "mc_AAAA", "A" * 70, "A" * 9000, "e30.e30.",
           "-" * 75, "' OR 1=1 --"]  # fmt: skip


@pytest.mark.parametrize("token", HOSTILE)
def test_rfc7662_2_2_what_is_no_token_is_inactive(portal: PortalClient, token: str) -> None:
    assert ask(portal, token) == {"active": False}


def test_rfc7662_2_1_without_a_token_it_is_invalid_request(portal: PortalClient) -> None:
    for form in ({}, {"token": ""}):
        answer = portal.house.app.test_client().post(
            "/introspect", data=form, auth=(portal.client_id, portal.secret)
        )

        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


def test_rfc7662_2_1_a_caller_has_to_authenticate(shared: House, portal: PortalClient) -> None:
    app = add_portal(shared, "app", token_endpoint_auth_method="none")
    client = shared.app.test_client()

    nobody = client.post("/introspect", data={"token": "x"})
    wrong = client.post("/introspect", data={"token": "x"}, auth=(portal.client_id, "wrong"))
    public = client.post("/introspect", data={"token": "x", "client_id": app.client_id})

    assert [each.status_code for each in (nobody, wrong, public)] == [401, 401, 400]


def test_rfc7662_2_2_an_opaque_token_is_told_like_a_jwt(
    shared: House, api: PortalClient, visitor: Visitor
) -> None:
    visitor.agrees("opaque")
    portal = add_portal(
        shared, "opaque", grant_types=GRANTS, resources=[API], access_token_format="opaque"
    )
    token = tokens_of(portal, visitor, resource=API)["access_token"]

    assert token.startswith("mc_")
    assert "." not in token
    assert ask(api, token)["active"] is True
    assert ask(api, f"{token[:-2]}AA") == {"active": False}


def test_rfc7662_4_a_dead_token_is_inactive(sqlite_template: Any, tmp_path: Any) -> None:
    house = open_plain_house(sqlite_template, tmp_path)
    visitor = sign_in(house, "portal")
    portal = add_portal(house, "portal", grant_types=GRANTS)
    used, old = tokens_of(portal, visitor), tokens_of(portal, visitor)
    refreshed = portal.token(grant_type="refresh_token", refresh_token=used["refresh_token"])

    stale = ask(portal, used["refresh_token"])
    house.clock.forward(seconds=301)
    expired = ask(portal, old["access_token"])
    house.clock.forward(hours=13)
    over = ask(portal, refreshed.get_json()["refresh_token"])
    house.database.close()

    assert stale == expired == over == {"active": False}


def test_rfc7662_4_a_token_of_an_ended_session_is_inactive(
    sqlite_template: Any, tmp_path: Any
) -> None:
    house = open_plain_house(sqlite_template, tmp_path)
    visitor = sign_in(house, "portal")
    portal = add_portal(house, "portal", grant_types=GRANTS)
    tokens = tokens_of(portal, visitor)
    sessions = house.app.extensions["idp.house"].sessions
    with house.database.transaction() as connection:
        sessions.end(connection, [visitor.session_id], "logout", now=house.clock())

    told = [ask(portal, tokens[kind]) for kind in ("access_token", "refresh_token")]
    house.database.close()

    assert told == [{"active": False}] * 2


def test_rfc7662_2_2_a_refresh_token_is_told_to_its_client(
    portal: PortalClient, visitor: Visitor
) -> None:
    told = ask(portal, tokens_of(portal, visitor)["refresh_token"])

    assert told["client_id"] == "portal"
    assert told["scope"] == "openid profile identity"
