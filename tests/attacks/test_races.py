"""The same thing at the same moment, many times: at most one success (security.md, rule 1)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from werkzeug.test import TestResponse

from idp.storage.sessions import SessionStore
from tests.support.build import LIFETIMES, VAULT
from tests.support.decoupled import add_kiosk, add_office, enters, opens_approval
from tests.support.house import PASSWORD, PERSON, Browser, House, add_portal, answer_of

MANY = 12


def fires(browser: Browser, path: str, form: dict[str, str]) -> list[TestResponse]:
    """The same post of one browser, many times at once."""
    data, cookies = {"csrf": browser._csrf(), **form}, browser.client._cookies

    def post(_: int) -> TestResponse:
        client = browser.house.app.test_client()
        client._cookies = cookies
        return client.post(path, data=data)

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(post, range(MANY)))


def codes(pages: list[TestResponse]) -> list[str]:
    return [
        answer_of(page)["code"] for page in pages if "code=" in page.headers.get("Location", "")
    ]


def signed_in(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.signs_in_again()
    return browser


def count(house: House, statement: str) -> int:
    with house.database.transaction() as connection:
        return int(connection.exec_driver_sql(statement).scalar() or 0)


def test_of_many_consents_at_once_one_gives_a_code(house: House) -> None:
    portal, browser = add_portal(house), signed_in(house)
    browser.visit(portal.request())

    pages = fires(browser, browser.path, {"do": "confirm"})

    assert len(codes(pages)) == 1
    assert all(page.status_code < 500 for page in pages)


def test_of_many_ways_back_at_once_one_gives_a_code(house: House) -> None:
    portal, browser = add_portal(house), signed_in(house)
    browser.visit(portal.request(scope="openid"))
    browser.send({"do": "confirm"})
    house.clock.forward(minutes=2)
    browser.visit(portal.request(scope="openid", prompt="login"))
    browser.client.post(
        browser.path,
        data={"csrf": browser._csrf(), "username": PERSON["username"], "password": PASSWORD},
    )
    browser.get(browser.path)
    page = browser.client.post(
        browser.path, data={"csrf": browser._csrf(), "code": house.last_code()}
    )
    back, cookies = page.headers["Location"], browser.client._cookies
    assert back.startswith("/authorize/")

    def get(_: int) -> TestResponse:
        client = house.app.test_client()
        client._cookies = cookies
        return client.get(back)

    with ThreadPoolExecutor(MANY) as pool:
        pages = list(pool.map(get, range(MANY)))

    assert len(codes(pages)) == 1
    assert all(page.status_code < 500 for page in pages)


def test_of_many_codes_typed_at_once_one_opens_a_session(house: House) -> None:
    browser = house.browser()
    browser.registers()
    browser.get("/login")
    browser.types_password()
    before = count(house, "SELECT COUNT(*) FROM sessions")

    pages = fires(browser, browser.path, {"code": house.last_code()})

    assert count(house, "SELECT COUNT(*) FROM sessions") - before == 1
    assert all(page.status_code < 500 for page in pages)


def test_of_many_approvals_of_a_device_at_once_one_counts(house: House) -> None:
    kiosk, browser = add_kiosk(house), signed_in(house)
    kiosk.begins()
    enters(browser, kiosk.user_code)

    pages = fires(browser, browser.path, {"do": "confirm"})

    assert count(house, "SELECT COUNT(*) FROM audit WHERE event = 'device.approved'") == 1
    assert all(page.status_code < 500 for page in pages)
    assert kiosk.polls().status_code == 200
    assert kiosk.waits_and_polls().get_json()["error"] == "invalid_grant"


def test_of_yes_and_freeze_at_once_nothing_is_half_done(house: House) -> None:
    office, browser = add_office(house), signed_in(house)
    house.clock.forward(seconds=61)
    office.asks()
    opens_approval(browser)
    browser.post({"do": "confirm"})
    browser.types_again()
    browser.post({"code": house.last_code()})

    pages = fires(browser, browser.path, {"do": "confirm"})

    given = count(house, "SELECT COUNT(*) FROM audit WHERE event = 'approval.given'")
    assert given == 1
    assert all(page.status_code < 500 for page in pages)


def test_of_many_logouts_at_once_one_tells(house: House) -> None:
    portal = add_portal(house, backchannel_logout_uri="https://hanoi.example.vn/bye")
    browser = signed_in(house)
    page = browser.visit(portal.request(scope="openid"))
    page = browser.send({"do": "confirm"})
    portal.redeems(answer_of(page)["code"])
    browser.get("/logout")

    pages = fires(browser, browser.path, {"do": "all"})

    assert all(page.status_code < 500 for page in pages)
    assert count(house, "SELECT COUNT(*) FROM outbox WHERE kind = 'logout'") == 1
    assert count(house, "SELECT COUNT(*) FROM audit WHERE event = 'session.ended'") == 1


def test_of_two_sign_ins_of_one_browser_at_once_each_goes_on_from_one_session(
    house: House,
) -> None:
    browser = signed_in(house)
    old = browser.client.get_cookie("idp_session")
    assert old
    house.clock.forward(minutes=2)
    store = SessionStore(house.database, VAULT, LIFETIMES)
    before = store.find(old.value, now=house.clock())
    assert before
    tries = []
    for _ in range(2):
        browser.get("/login")
        browser.types_again()
        tries.append((browser.path, browser._csrf(), house.last_code()))
        house.clock.forward(minutes=2)
    cookies = dict(browser.client._cookies)

    def post(step: tuple[str, str, str]) -> TestResponse:
        client = house.app.test_client()
        client._cookies = dict(cookies)  # else the answer to one is in the request of the other
        return client.post(step[0], data={"csrf": step[1], "code": step[2]})

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(post, tries))

    cookie = re.compile(r"idp_session=([^;]+)")
    found = [
        store.find(match[1], now=house.clock())
        for page in pages
        for value in page.headers.getlist("Set-Cookie")
        if (match := cookie.search(value))
    ]
    assert found
    assert store.find(old.value, now=house.clock()) is None
    assert all(seen and len(seen.session.evidence) <= 3 for seen in found)
