"""Codes that are on their way to their portal while something happens to the session.

``prompt=login`` and a step-up authenticate the person anew (OpenID Connect Core, 3.1.2.1): nobody
is signed out by them, so a code of a moment ago stays good for its minute (RFC 6749, 4.1.2). A code
of a session that ended for good is refused, and so is one of a person who is not there any more.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from idp.domain.accounts import AccountStatus
from idp.domain.sessions import Session
from idp.domain.subjects import IdNumber
from idp.storage.models import AccountRow
from idp.storage.sessions import SessionStore
from tests.support.build import LIFETIMES, VAULT, open_account, open_session
from tests.support.house import (
    PASSWORD,
    PERSON,
    Browser,
    House,
    PortalClient,
    add_portal,
    answer_of,
)
from tests.support.portals import MemoryWeb, at_once, build_courier, read

BYE = "https://hanoi.example.vn/bye"
COOKIE = "idp_session"
ROUNDS = range(12)


@pytest.fixture
def portal(house: House) -> PortalClient:
    return add_portal(house, backchannel_logout_uri=BYE)


@pytest.fixture
def browser(house: House, portal: PortalClient) -> Browser:
    found = house.browser()
    found.registers()
    found.signs_in_at(portal.request())
    house.clock.forward(minutes=1)
    return found


def code_of(portal: PortalClient, browser: Browser) -> str:
    """A code that its portal has not redeemed yet."""
    return answer_of(browser.visit(portal.request(prompt="none")))["code"]


def signs_in_anew(house: House, browser: Browser, name: str = "yte") -> TestResponse:
    """Another portal wants the person to sign in anew."""
    browser.visit(add_portal(house, name).request(scope="openid", prompt="login"))
    browser.send({"username": PERSON["username"], "password": PASSWORD})
    page = browser.send({"code": house.last_code()})
    return page if page.status_code == 303 else browser.send({"do": "confirm"})


def session_of(house: House, browser: Browser) -> Session:
    cookie = browser.client.get_cookie(COOKIE)
    assert cookie
    return found(house, cookie.value)


def found(house: House, cookie: str) -> Session:
    seen = SessionStore(house.database, VAULT, LIFETIMES).find(cookie, now=house.clock())
    assert seen
    return seen.session


def takes_over(house: House, old: Session, account_id: UUID) -> Session:
    """A sign-in of that account in the browser that had the old session."""
    _, cookie = open_session(house.database, account_id)
    new = found(house, cookie)
    with house.database.transaction() as connection:
        SessionStore(house.database, VAULT, LIFETIMES).supersede(
            connection, old, new, now=house.clock()
        )
    return found(house, cookie)


def signs_in(house: House, browser: Browser, account_id: UUID) -> Session:
    """A sign-in without pages: the browser has the cookie."""
    _, cookie = open_session(house.database, account_id)
    browser.client.set_cookie(COOKIE, cookie)
    return found(house, cookie)


def end(house: House, session: Session) -> None:
    with house.database.transaction() as connection:
        SessionStore(house.database, VAULT, LIFETIMES).end(
            connection, [session.id], "logout", now=house.clock()
        )


def userinfo(house: House, tokens: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return house.app.test_client().get("/userinfo", headers=headers).status_code


def test_core_3_1_2_1_a_new_sign_in_spoils_no_code(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    signs_in_anew(house, browser)

    tokens = portal.redeems(code).get_json()

    refreshed = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (userinfo(house, tokens), refreshed.status_code) == (200, 200)


def test_nor_do_several(house: House, portal: PortalClient, browser: Browser) -> None:
    code, old = code_of(portal, browser), session_of(house, browser)
    for _ in range(3):
        old = takes_over(house, old, old.account_id)

    assert portal.redeems(code).status_code == 200


def test_the_new_session_takes_the_portal_along_to_its_end(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code, web = code_of(portal, browser), MemoryWeb()
    signs_in_anew(house, browser)
    tokens = portal.redeems(code).get_json()

    browser.get("/logout")
    browser.post({"do": "all"})

    build_courier(house, web).deliver()
    told = {read(house, token)[1]["sid"] for token in web.logout_tokens(BYE)}
    assert portal.claims(tokens["id_token"])["sid"] in told
    assert userinfo(house, tokens) == 401


def test_rfc6749_4_1_2_its_minute_is_not_made_longer(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    signs_in_anew(house, browser)
    house.clock.forward(seconds=61)

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


def test_rfc6749_4_1_2_a_new_sign_in_makes_no_second_use(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    tokens = portal.redeems(code).get_json()
    signs_in_anew(house, browser)

    again = portal.redeems(code)

    assert again.get_json()["error"] == "invalid_grant"
    assert userinfo(house, tokens) == 401


def test_a_code_of_somebody_who_signed_out_is_refused(
    portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    browser.get("/logout")
    browser.post({"do": "all"})

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


def test_also_when_they_had_signed_in_anew_before(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    signs_in_anew(house, browser)
    browser.get("/logout")
    browser.post({"do": "all"})

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


def test_also_when_they_sign_in_again_afterwards(portal: PortalClient, browser: Browser) -> None:
    code = code_of(portal, browser)
    browser.get("/logout")
    browser.post({"do": "all"})
    browser.signs_in_again()

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


def test_a_code_of_an_account_that_was_frozen_is_refused(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    signs_in_anew(house, browser)
    with house.database.transaction() as connection:
        connection.execute(AccountRow.__table__.update().values(status=AccountStatus.FROZEN))

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


def test_a_code_of_the_person_before_is_refused(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    other = open_account(
        house.database, id_numbers=(IdNumber.parse("001072000137"),), phone=None, email=None
    )
    takes_over(house, session_of(house, browser), other)

    assert portal.redeems(code).get_json()["error"] == "invalid_grant"


# --- at the same moment -------------------------------------------------------------------------


def test_a_code_that_is_redeemed_during_a_new_sign_in_gives_tokens_that_live(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    """A grant that was written while the session changed belongs to the new one."""
    lives, owner = [], session_of(house, browser).account_id
    for _ in ROUNDS:
        old = signs_in(house, browser, owner)
        code = code_of(portal, browser)
        new, answer = at_once(
            lambda old=old: takes_over(house, old, old.account_id),
            lambda code=code: portal.redeems(code),
        )
        lives.append(userinfo(house, answer.get_json()))
        end(house, new)
        lives.append(userinfo(house, answer.get_json()))

    assert lives == [200, 401] * len(ROUNDS)


def test_of_many_redemptions_after_a_new_sign_in_one_counts(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    code = code_of(portal, browser)
    signs_in_anew(house, browser)

    with ThreadPoolExecutor(10) as pool:
        answers = [
            future.result() for future in [pool.submit(portal.redeems, code) for _ in range(50)]
        ]

    assert [each.status_code for each in answers].count(200) == 1


def test_of_a_redemption_and_a_logout_at_once_the_portal_is_told_or_gets_nothing(
    house: House, portal: PortalClient, browser: Browser
) -> None:
    told, owner = [], session_of(house, browser).account_id
    for _ in ROUNDS:
        web = MemoryWeb()
        session = signs_in(house, browser, owner)
        code = code_of(portal, browser)
        _, answer = at_once(
            lambda session=session: end(house, session), lambda code=code: portal.redeems(code)
        )
        build_courier(house, web).deliver()
        tokens = answer.get_json()
        if "error" in tokens:
            told.append(tokens["error"] == "invalid_grant")
        else:
            sid = portal.claims(tokens["id_token"])["sid"]
            sids = {read(house, token)[1]["sid"] for token in web.logout_tokens(BYE)}
            told.append(sid in sids and userinfo(house, tokens) == 401)

    assert all(told)
