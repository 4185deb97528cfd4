"""Modules of the OpenID Foundation's implicit plan that have no test elsewhere in this folder.

``oidcc-implicit-certification-test-plan`` and its form-post twin run each for both response types.
"""

from __future__ import annotations

import pytest

from idp.storage.sessions import ConsentStore
from tests.oidc.implicit.kit import ID_TOKEN, TOKENS, add_implicit, asks, told, userinfo
from tests.support.build import NOW, VAULT
from tests.support.federation import unsigned
from tests.support.house import House, PortalClient
from tests.support.portal_kit import EVERYTHING, Visitor, claims_of, later, posted_fields

BOTH_KINDS = pytest.mark.parametrize("kind", [TOKENS, ID_TOKEN], ids=["tokens", "id_token"])

FINE: dict[str, dict[str, str]] = {
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-login-hint": {"login_hint": "hoa@example.vn"},
    "oidcc-ui-locales": {"ui_locales": "se"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-ensure-request-with-acr-values-succeeds": {"acr_values": "1 2"},
    "oidcc-max-age-10000": {"max_age": "10000"},
    "oidcc-scope-address": {"scope": "openid address"},
    "oidcc-scope-all": {"scope": "openid profile email phone address"},
    "a code_challenge": {"code_challenge": "c" * 43, "code_challenge_method": "S256"},
    "a code_challenge that is none": {"code_challenge_method": "plain"},
}


@pytest.fixture(scope="module")
def agreed(shared: House, visitor: Visitor) -> PortalClient:
    """A portal that may have the address as well."""
    consents, items = ConsentStore(shared.database, VAULT), EVERYTHING | {"address"}
    with shared.database.transaction() as connection:
        consents.record(connection, visitor.account_id, "agreed", items, text_version="t", now=NOW)
    return add_implicit(shared, "agreed", scope="openid profile email phone address")


@BOTH_KINDS
@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
@pytest.mark.parametrize("mode", ["fragment", "form_post"])
def test_oidcc_what_the_code_flow_takes_is_taken(
    agreed: PortalClient, visitor: Visitor, kind: dict[str, str], changes: dict[str, str], mode: str
) -> None:
    plain = {"code_challenge": None, "code_challenge_method": None}

    page = visitor.client.get(agreed.request(**{**plain, **kind, "response_mode": mode, **changes}))

    found = posted_fields(page) if mode == "form_post" else told(page)
    assert claims_of(agreed.house, found["id_token"])["nonce"] == "n-1"
    assert ("access_token" in found) == (kind is TOKENS)


@BOTH_KINDS
def test_oidcc_alternate_happy_flow(
    portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    path, _, query = portal.request(**kind).partition("?")

    found = told(visitor.client.get(f"{path}?{'&'.join(reversed(query.split('&')))}"))

    assert "id_token" in found


@BOTH_KINDS
def test_oidcc_ensure_post_request_succeeds(
    portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    path, _, query = portal.request(**kind).partition("?")
    form = "application/x-www-form-urlencoded"
    visitor.client.set_cookie("idp_browser", "b" * 43)

    page = visitor.client.post(path, data=query, content_type=form)

    assert "id_token" in told(page)


@BOTH_KINDS
def test_oidcc_unsigned_request_object(
    portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    found = asks(visitor.client, portal, **kind, request=unsigned({"client_id": "browser"}))

    assert found["error"] == "invalid_request_object"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_oidcc_userinfo_get_and_post_header(
    shared: House, portal: PortalClient, visitor: Visitor, method: str
) -> None:
    token = asks(visitor.client, portal)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    answer = shared.app.test_client().open("/userinfo", method=method, headers=headers)

    assert answer.get_json() == userinfo(shared, token).get_json()


def test_oidcc_userinfo_post_body(shared: House, portal: PortalClient, visitor: Visitor) -> None:
    token = asks(visitor.client, portal)["access_token"]

    answer = shared.app.test_client().post("/userinfo", data={"access_token": token})

    assert answer.get_json()["sub"]


@BOTH_KINDS
def test_oidcc_max_age_1(
    shared: House, portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    with later(shared, seconds=2):
        found = asks(visitor.client, portal, **kind, max_age="1", prompt="none")

    assert found["error"] == "login_required"
