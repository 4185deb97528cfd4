"""Token revocation (RFC 7009): whichever token of a grant is given back, all of it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, add_portal, answer_of
from tests.support.portal_kit import Visitor, open_house, sign_in

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    visitor.agrees("portal")
    return add_portal(shared, "portal", grant_types=GRANTS)


@pytest.fixture(scope="module")
def other(shared: House) -> PortalClient:
    return add_portal(shared, "other")


def tokens_of(portal: PortalClient, visitor: Visitor) -> dict[str, Any]:
    code = answer_of(visitor.client.get(portal.request()))["code"]
    found: dict[str, Any] = portal.redeems(code).get_json()
    return found


def revoke(by: PortalClient, token: str, **form: str) -> TestResponse:
    return by.house.app.test_client().post(
        "/revoke", data={"token": token, **form}, auth=(by.client_id, by.secret)
    )


def is_alive(portal: PortalClient, tokens: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the access token, and whether the refresh token serves."""
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    seen = portal.house.app.test_client().get("/userinfo", headers=headers)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return seen.status_code == 200, portal.token(**form).status_code == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "nonsense"])
def test_rfc7009_2_1_either_token_ends_the_grant(
    portal: PortalClient, visitor: Visitor, kind: str, hint: str
) -> None:
    tokens = tokens_of(portal, visitor)

    answer = revoke(portal, tokens[kind], token_type_hint=hint)

    assert (answer.status_code, answer.data) == (200, b"")
    assert is_alive(portal, tokens) == (False, False)


def test_rfc7009_2_1_an_older_refresh_token_ends_it_too(
    portal: PortalClient, visitor: Visitor
) -> None:
    first = tokens_of(portal, visitor)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = portal.token(**form).get_json()

    revoke(portal, first["refresh_token"])

    assert is_alive(portal, second) == (False, False)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_rfc7009_2_1_another_clients_token_stays_good(
    portal: PortalClient, other: PortalClient, visitor: Visitor, kind: str
) -> None:
    tokens = tokens_of(portal, visitor)

    answer = revoke(other, tokens[kind])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert is_alive(portal, tokens) == (True, True)


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "é", "\0", "mc_", "A" * 70, "A" * 9000, "e30.e30.AA", "' OR 1=1"]
)
def test_rfc7009_2_2_an_invalid_token_is_no_error(portal: PortalClient, token: str) -> None:
    assert revoke(portal, token).status_code == 200


def test_rfc7009_2_2_twice_is_fine(portal: PortalClient, visitor: Visitor) -> None:
    token = tokens_of(portal, visitor)["refresh_token"]

    assert [revoke(portal, token).status_code for _ in range(2)] == [200, 200]


def test_rfc7009_2_2_1_a_token_of_the_client_itself_only_expires(portal: PortalClient) -> None:
    token = portal.token(grant_type="client_credentials").get_json()["access_token"]

    answer = revoke(portal, token)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_token_type")


def test_rfc7009_2_1_a_token_is_needed_and_a_client(shared: House, portal: PortalClient) -> None:
    client = shared.app.test_client()

    empty = client.post("/revoke", data={}, auth=(portal.client_id, portal.secret))
    wrong = client.post("/revoke", data={"token": "x"}, auth=(portal.client_id, "wrong"))

    assert (empty.status_code, empty.get_json()["error"]) == (400, "invalid_request")
    assert (wrong.status_code, wrong.get_json()["error"]) == (401, "invalid_client")


def test_rfc7009_5_a_public_client_gives_its_own_tokens_back(
    shared: House, visitor: Visitor
) -> None:
    visitor.agrees("app")
    app = add_portal(shared, "app", token_endpoint_auth_method="none", grant_types=GRANTS[:2])
    code = answer_of(visitor.client.get(app.request()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": app.verifier}
    client = shared.app.test_client()
    about = {"client_id": "app", "redirect_uri": app.redirect_uri}
    tokens = client.post("/token", data={**form, **about}).get_json()

    answer = client.post("/revoke", data={"client_id": "app", "token": tokens["access_token"]})

    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert answer.status_code == 200
    assert client.get("/userinfo", headers=headers).status_code == 401


def test_rfc7009_2_of_fifty_revocations_and_refreshes_at_once_the_grant_is_dead(
    database_url: str, tmp_path: Any
) -> None:

    house = open_house(database_url, tmp_path)
    portal, visitor = add_portal(house, "portal", grant_types=GRANTS), sign_in(house, "portal")
    tokens = tokens_of(portal, visitor)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    def call(turn: int) -> int:
        if turn % 2:
            return portal.token(**form).status_code
        return revoke(portal, tokens["access_token"]).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(call, range(50)))
    alive = is_alive(portal, tokens)
    house.database.close()

    assert statuses <= {200, 400}
    assert alive == (False, False)
