"""A grant stands behind every answer of the implicit flow: what ends others ends these.

On both databases, with a person's whole way through the pages to the fragment.
"""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from idp.storage.endings import Endings
from idp.storage.owners import OwnerStore
from idp.storage.sessions import ConsentStore, SessionStore
from idp.storage.ways_in import NOT_KNOWN
from tests.oidc.implicit.kit import ID_TOKEN, TOKENS, add_implicit, asks, told, userinfo
from tests.support.build import LIFETIMES, VAULT
from tests.support.house import Browser, House, PortalClient, second_node
from tests.support.portal_kit import Visitor, claims_of, sign_in
from tests.support.portals import MemoryWeb, at_once, build_courier, read

LOGOUT = "https://browser.example.vn/bcl"


@pytest.fixture
def portal(house: House) -> PortalClient:
    return add_implicit(house, backchannel_logout_uri=LOGOUT)


@pytest.fixture
def visitor(house: House) -> Visitor:
    return sign_in(house, "browser")


def rows(house: House) -> list[tuple[bool, int]]:
    query = text("SELECT is_offline, expires_at FROM grants ORDER BY id")
    with house.database.transaction() as connection:
        return [(bool(row[0]), int(row[1])) for row in connection.execute(query)]


# --- the journey ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TOKENS, ID_TOKEN], ids=["tokens", "id_token"])
def test_core_3_2_1_a_first_visitor_signs_in_agrees_and_comes_back_with_tokens(
    house: House, portal: PortalClient, kind: dict[str, str]
) -> None:
    browser = house.browser()
    browser.registers()

    page = browser.signs_in_at(portal.request(**{**kind, "scope": "openid profile"}))

    found = told(page)
    claims = claims_of(house, found["id_token"])
    assert page.headers["Location"].startswith(f"{portal.redirect_uri}#")
    assert (claims["acr"], claims["nonce"], claims["aud"]) == ("ial2", "n-1", "browser")
    if kind is TOKENS:
        about = userinfo(house, found["access_token"]).get_json()
        assert (about["name"], about["sub"]) == ("Nguyễn Văn Hoà", claims["sub"])
    else:
        assert claims["name"] == "Nguyễn Văn Hoà"


def test_core_3_1_2_4_the_consent_page_says_what_the_id_token_will_tell(
    house: House, portal: PortalClient
) -> None:
    browser = house.browser()
    browser.registers()

    page = browser.visit(portal.request(**{**ID_TOKEN, "scope": "openid profile identity"}))
    page = browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    page = browser.send({"code": house.last_code()})

    assert browser.path.startswith("/consent/")
    assert "Họ tên" in page.text
    assert "Ngày sinh" in page.text


def test_core_3_2_2_6_who_declines_is_told_in_the_fragment(
    house: House, portal: PortalClient
) -> None:
    browser = house.browser()
    browser.registers()
    browser.visit(portal.request(**{**TOKENS, "scope": "openid profile"}))
    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    browser.send({"code": house.last_code()})

    found = told(browser.send({"do": "cancel"}))

    assert found["error"] == "access_denied"
    assert (found["state"], "access_token" in found) == ("s t/ä", False)
    assert rows(house) == []


# --- what ends it ---------------------------------------------------------------------------------


def test_every_answer_has_one_grant_that_ends_with_the_session(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    asks(visitor.client, portal, scope="openid offline_access")
    asks(visitor.client, portal, **ID_TOKEN)

    until = int(house.clock().timestamp() * 1000) + 43_200_000
    assert rows(house) == [(False, until), (False, until)]


def test_core_3_2_2_5_the_access_token_is_short_lived(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = asks(visitor.client, portal)["access_token"]

    house.clock.forward(seconds=301)

    assert userinfo(house, token).status_code == 401


@pytest.mark.parametrize("kind", [TOKENS, ID_TOKEN], ids=["tokens", "id_token"])
def test_backchannel_logout_2_the_portal_hears_of_the_sessions_end(
    house: House, portal: PortalClient, visitor: Visitor, kind: dict[str, str]
) -> None:
    found = asks(visitor.client, portal, **kind)
    web = MemoryWeb()
    with house.database.transaction() as connection:
        SessionStore(house.database, VAULT, LIFETIMES).end(
            connection, [visitor.session_id], "logout", now=house.clock()
        )

    build_courier(house, web).deliver()

    [logout] = [read(house, token)[1] for token in web.logout_tokens(LOGOUT)]
    assert logout["sid"] == claims_of(house, found["id_token"])["sid"]
    if kind is TOKENS:
        assert userinfo(house, found["access_token"]).status_code == 401


def test_rfc7009_2_the_portal_ends_it_itself(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = asks(visitor.client, portal)["access_token"]

    answer = house.app.test_client().post(
        "/revoke", data={"token": token}, auth=(portal.client_id, portal.secret)
    )

    assert answer.status_code == 200
    assert userinfo(house, token).status_code == 401


def test_a_frozen_account_has_no_token_that_is_good(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = asks(visitor.client, portal)["access_token"]
    with house.database.transaction() as connection:
        OwnerStore(house.database, VAULT, NOT_KNOWN).freeze(
            connection, visitor.account_id, now=house.clock()
        )

    assert userinfo(house, token).status_code == 401
    assert visitor.client.get(portal.request(**TOKENS)).headers["Location"].startswith("/login/")


def test_who_withdraws_the_consent_ends_it_and_is_asked_again(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = asks(visitor.client, portal, scope="openid profile")["access_token"]
    with house.database.transaction() as connection:
        ConsentStore(house.database, VAULT).revoke(
            connection, visitor.account_id, portal.client_id, now=house.clock()
        )
        Endings(house.database, VAULT).consent(
            connection, visitor.account_id, portal.client_id, now=house.clock()
        )

    page = visitor.client.get(portal.request(**{**TOKENS, "scope": "openid profile"}))

    assert userinfo(house, token).status_code == 401
    assert page.headers["Location"].startswith("/consent/")


def test_a_disabled_client_gets_no_more(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    token = asks(visitor.client, portal)["access_token"]
    with house.database.transaction() as connection:
        connection.execute(text("UPDATE clients SET disabled_at = 1"))
    house.clock.forward(seconds=3)

    assert userinfo(house, token).status_code == 401
    assert visitor.client.get(portal.request(**TOKENS)).status_code == 400


# --- at the same time -----------------------------------------------------------------------------


def test_a_pushed_request_is_answered_with_tokens_once_however_many_ask(
    house: House, portal: PortalClient, visitor: Visitor
) -> None:
    form = {**TOKENS, "nonce": "n", "redirect_uri": portal.redirect_uri, "client_id": "browser"}
    pushed = house.app.test_client().post("/par", data=form, auth=(portal.client_id, portal.secret))
    name, cookie = pushed.get_json()["request_uri"], visitor.client.get_cookie("idp_session")
    assert cookie

    def visit() -> str:
        client = house.app.test_client()
        client.set_cookie("idp_session", cookie.value)
        asked = {"client_id": "browser", "request_uri": name}
        return client.get("/authorize", query_string=asked).headers.get("Location", "")

    answers = at_once(*[visit] * 8)

    assert sum("#access_token=" in answer for answer in answers) == 1
    assert len(rows(house)) == 1


def test_a_session_that_ends_while_it_is_answered_gives_nothing(
    house: House, portal: PortalClient, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = SessionStore.touch

    def ends(self: SessionStore, session: object, **about: object) -> None:
        touch(self, session, **about)  # type: ignore[arg-type]
        with house.database.transaction() as connection:
            self.end(connection, [visitor.session_id], "logout", now=house.clock())

    monkeypatch.setattr(SessionStore, "touch", ends)

    found = asks(visitor.client, portal)

    assert (found["error"], "id_token" in found) == ("access_denied", False)
    assert rows(house) == []


# --- settings and registrations that change meanwhile ---------------------------------------------


def test_the_setting_counts_when_the_answer_is_made(
    house: House, portal: PortalClient, database_url: str
) -> None:
    """The operator turned it off while the person read what would be shared."""
    browser = house.browser()
    browser.registers()
    browser.visit(portal.request(**{**TOKENS, "scope": "openid profile"}))
    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    browser.send({"code": house.last_code()})
    restarted = second_node(house, database_url)
    after = Browser(restarted, restarted.app.test_client())
    for name in ("idp_session", "idp_browser"):
        cookie = browser.client.get_cookie(name)
        assert cookie
        after.client.set_cookie(name, cookie.value)
    after.visit(browser.path)

    found = told(after.send({"do": "confirm"}))
    restarted.database.close()

    assert found["error"] == "unsupported_response_type"
    assert rows(house) == []


def test_so_does_the_registration(house: House, portal: PortalClient) -> None:
    browser = house.browser()
    browser.registers()
    browser.visit(portal.request(**{**TOKENS, "scope": "openid profile"}))
    browser.send({"username": "001072000136", "password": "Sông-Hồng-2026-xanh"})
    browser.send({"code": house.last_code()})
    with house.database.transaction() as connection:
        [stored] = connection.scalars(text("SELECT metadata_json FROM clients"))
        less = {**json.loads(stored), "response_types": ["code"]}
        connection.execute(text("UPDATE clients SET metadata_json = :m"), {"m": json.dumps(less)})
    house.clock.forward(seconds=3)

    found = told(browser.send({"do": "confirm"}))

    assert found["error"] == "unauthorized_client"
    assert rows(house) == []
