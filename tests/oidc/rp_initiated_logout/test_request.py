"""OpenID Connect RP-Initiated Logout 1.0: what the conformance plan sends, and worse."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.house import Browser, House, PortalClient, add_portal

BACK = "https://hanoi.example.vn/bye?from=idp"


@pytest.fixture
def portal(house: House) -> PortalClient:
    return add_portal(house, post_logout_redirect_uris=[BACK])


@pytest.fixture
def browser(house: House) -> Browser:
    found = house.browser()
    found.registers()
    return found


@pytest.fixture
def id_token(portal: PortalClient, browser: Browser) -> str:
    return str(portal.signs_in_with(browser)["id_token"])


def asks(browser: Browser, **values: str) -> int:
    return browser.visit(f"/logout?{urlencode(values)}").status_code


def leaves(browser: Browser) -> str:
    """Confirms, and answers where the browser ends."""
    page = browser.send({"do": "all"})
    return str(page.headers.get("Location", page.request.path))


def is_out(browser: Browser) -> bool:
    return browser.get("/account").request.path.startswith("/login/")


def test_2_with_hint_uri_and_state_the_person_confirms_and_comes_back(
    browser: Browser, id_token: str
) -> None:
    asks(browser, id_token_hint=id_token, post_logout_redirect_uri=BACK, state="a b/ä")
    assert "Đăng xuất tất cả" in browser.text

    assert leaves(browser) == f"{BACK}&state=a%20b%2F%C3%A4"
    assert is_out(browser)


def test_2_without_state_none_is_returned(browser: Browser, id_token: str) -> None:
    asks(browser, id_token_hint=id_token, post_logout_redirect_uri=BACK)

    assert leaves(browser) == BACK


def test_2_an_expired_hint_still_names_the_client(
    house: House, browser: Browser, id_token: str
) -> None:
    house.clock.forward(minutes=20)

    asks(browser, id_token_hint=id_token, post_logout_redirect_uri=BACK)

    assert leaves(browser) == BACK


def test_2_client_id_alone_proves_the_client_too(browser: Browser, id_token: str) -> None:
    asks(browser, client_id="hanoi", post_logout_redirect_uri=BACK)

    assert id_token
    assert leaves(browser) == BACK


@pytest.mark.parametrize("values", [{}, {"state": "s"}, {"ui_locales": "vi en"}])
def test_2_without_an_address_the_person_ends_on_our_page(
    browser: Browser, id_token: str, values: dict[str, str]
) -> None:
    asks(browser, id_token_hint=id_token, **values)

    assert leaves(browser).startswith("/logged-out/")
    assert "Bạn đã đăng xuất" in browser.text
    assert "Cổng hanoi" in browser.text
    assert is_out(browser)


def test_2_without_any_parameter_the_person_signs_out(browser: Browser, id_token: str) -> None:
    asks(browser)

    assert id_token
    assert leaves(browser).startswith("/logged-out/")
    assert is_out(browser)


def test_2_the_request_may_be_posted_by_another_site(browser: Browser, id_token: str) -> None:
    values = {"id_token_hint": id_token, "post_logout_redirect_uri": BACK, "state": "s"}
    browser.page = browser.client.post(
        "/logout", data=values, headers={"Sec-Fetch-Site": "cross-site"}
    )
    browser.follow()

    assert leaves(browser) == f"{BACK}&state=s"


def test_2_who_is_not_signed_in_goes_straight_back(house: House, id_token: str) -> None:
    somebody = house.browser()

    asks(somebody, id_token_hint=id_token, post_logout_redirect_uri=BACK, state="s")

    assert somebody.page
    assert somebody.page.headers["Location"] == f"{BACK}&state=s"


def _none(id_token: str) -> str:
    """The same token with alg none."""
    header = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{id_token.split('.')[1]}."


REFUSED: list[dict[str, Any]] = [
    {"id_token_hint": "x"},
    {"id_token_hint": "none"},
    {"id_token_hint": "cut"},
    {"id_token_hint": "a." * 5000},
    {"id_token_hint": "\x00\u200b"},
    {"post_logout_redirect_uri": "https://evil.example/"},
    {"post_logout_redirect_uri": f"{BACK}&foo=bar"},
    {"post_logout_redirect_uri": BACK.upper()},
    {"post_logout_redirect_uri": f"{BACK}#x"},
    {"post_logout_redirect_uri": "javascript:alert(1)"},
    {"client_id": "boyte"},
    {"client_id": "nobody"},
    {"client_id": "\x00"},
    {"id_token_hint": None},
    {"state": "s" * 5000},
]


@pytest.mark.parametrize("change", REFUSED)
def test_3_what_is_not_proven_leads_nowhere_and_signs_nobody_out(
    house: House, browser: Browser, id_token: str, change: dict[str, Any]
) -> None:
    add_portal(house, "boyte", post_logout_redirect_uris=["https://boyte.example.vn/"])
    values = {"id_token_hint": id_token, "post_logout_redirect_uri": BACK, "state": "s", **change}
    hints = {"none": _none(id_token), "cut": id_token[:-4] + "AAAA"}
    hint = values.pop("id_token_hint")
    if hint is not None:
        values["id_token_hint"] = hints.get(hint, hint)

    status = asks(browser, **values)

    assert browser.page
    assert status == 400
    assert "Location" not in browser.page.headers
    assert "IDP-1203" in browser.text
    assert 'href="https://evil.example' not in browser.text
    assert not is_out(browser)


def test_3_a_repeated_parameter_is_refused(browser: Browser, id_token: str) -> None:
    path = f"/logout?id_token_hint={id_token}&state=a&state=b"

    assert browser.visit(path).status_code == 400


def test_no_link_signs_anybody_out(browser: Browser, id_token: str) -> None:
    asks(browser, id_token_hint=id_token, post_logout_redirect_uri=BACK)
    forged = browser.client.post(browser.path, data={"do": "all"})

    assert forged.status_code == 403
    assert not is_out(browser)


def test_the_page_after_is_this_browsers_and_not_for_ever(
    house: House, browser: Browser, id_token: str
) -> None:
    asks(browser, id_token_hint=id_token)
    leaves(browser)
    path = browser.path

    assert house.browser().get(path).status_code == 410
    house.clock.forward(minutes=11)
    assert browser.get(path).status_code == 410
