"""OpenID Connect Front-Channel Logout 1.0: which frames, with what, and what the page may load."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.house import Browser, House, PortalClient, add_portal

BACK = "https://hanoi.example.vn/bye"


@pytest.fixture
def browser(house: House) -> Browser:
    found = house.browser()
    found.registers()
    return found


def add(house: House, name: str = "hanoi", uri: str = "") -> PortalClient:
    return add_portal(
        house,
        name,
        frontchannel_logout_uri=uri or f"https://{name}.example.vn/out",
        frontchannel_logout_session_required=True,
        post_logout_redirect_uris=[BACK],
    )


def leaves(browser: Browser, query: str = "", what: str = "all") -> None:
    browser.visit(f"/logout{query}")
    browser.send({"do": what})


def frames(browser: Browser) -> list[str]:
    return [unescape(src) for src in re.findall(r'<iframe [^>]*src="([^"]+)"', browser.text)]


def policy(browser: Browser) -> dict[str, str]:
    assert browser.page
    parts = browser.page.headers["Content-Security-Policy"].split("; ")
    return dict((part + " ").split(" ", 1) for part in parts)


def test_2_the_frame_has_the_registered_address_with_iss_and_sid(
    house: House, browser: Browser
) -> None:
    portal = add(house)
    sid = portal.claims(portal.signs_in_with(browser)["id_token"])["sid"]

    leaves(browser)

    [frame] = frames(browser)
    parts = urlsplit(frame)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://hanoi.example.vn/out"
    assert parse_qs(parts.query) == {"iss": ["http://localhost:8000"], "sid": [sid]}


def test_2_a_registered_query_is_kept(house: House, browser: Browser) -> None:
    portal = add(house, uri="https://hanoi.example.vn/out?x=1")
    portal.signs_in_with(browser)

    leaves(browser)

    assert frames(browser)[0].startswith("https://hanoi.example.vn/out?x=1&iss=")


def test_the_page_may_load_exactly_the_portals_that_are_told(
    house: House, browser: Browser
) -> None:
    portal = add(house)
    add(house, "boyte")
    portal.signs_in_with(browser)

    leaves(browser)

    assert policy(browser)["frame-src"].strip() == "https://hanoi.example.vn"
    assert "sandbox=" in browser.text
    browser.get("/")
    assert "frame-src" not in policy(browser)


def test_the_page_goes_on_to_the_portal_with_and_without_script(
    house: House, browser: Browser
) -> None:
    portal = add(house)
    token = portal.signs_in_with(browser)["id_token"]

    leaves(browser, f"?id_token_hint={token}&post_logout_redirect_uri={BACK}&state=s")

    assert re.search(rf'<a [^>]*data-go-on href="{re.escape(BACK)}\?state=s">Tiếp tục</a>',
                     browser.text)  # fmt: skip
    assert "js/leave.js" in browser.text


def test_leaving_one_portal_frames_only_that_one(house: House, browser: Browser) -> None:
    first, second = add(house), add(house, "boyte")
    first.signs_in_with(browser)
    browser.visit(second.request())
    browser.send({"do": "confirm"})

    leaves(browser, "?client_id=hanoi", "one")

    assert [urlsplit(frame).hostname for frame in frames(browser)] == ["hanoi.example.vn"]


def test_portals_without_an_address_need_no_page_between(house: House, browser: Browser) -> None:
    portal = add_portal(house, post_logout_redirect_uris=[BACK])
    token = portal.signs_in_with(browser)["id_token"]

    leaves(browser, f"?id_token_hint={token}&post_logout_redirect_uri={BACK}")

    assert browser.page
    assert browser.page.headers["Location"] == BACK


def test_signing_out_without_a_portals_request_frames_every_portal(
    house: House, browser: Browser
) -> None:
    portal = add(house)
    portal.signs_in_with(browser)
    browser.get("/account/edit")

    browser.post({}, path="/logout/confirm")

    assert [urlsplit(frame).hostname for frame in frames(browser)] == ["hanoi.example.vn"]
