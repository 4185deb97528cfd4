"""Clients that nobody let in must not use us to send people anywhere (RFC 9700, 4.11.2).

Only ``[oidc] registration = "open"`` lets them in, which production refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from idp.config import RegistrationMode
from idp.portals import every, standing
from tests.oidc.rfc7591.test_registration import (
    METADATA,
    house_with,
    initial_token,
    manage,
    register,
)
from tests.support.house import PASSWORD, PERSON, Browser, House, add_portal, answer_of

HOST = "rp.example.vn"


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = house_with(database_url, tmp_path, RegistrationMode.OPEN)
    yield built
    built.database.close()


def request(client: dict[str, Any], **changes: str) -> str:
    query = {
        "client_id": client["client_id"],
        "redirect_uri": METADATA["redirect_uris"][0],
        "response_type": "code",
        "scope": "openid",
        "state": 's<&"',
        **changes,
    }
    return f"/authorize?{urlencode(query)}"


def offers(page: TestResponse) -> bool:
    """Whether we named the host and sent the person nowhere."""
    return page.status_code == 400 and HOST in page.text and "Location" not in page.headers


MISTAKES: list[dict[str, str]] = [
    {"scope": "nonsense"},
    {"response_type": "token"},
    {"prompt": "none login"},
    {"max_age": "x"},
    {"claims": "{"},
    {"request": "a.b.c"},
    {"request_uri": "https://rp.example.vn/r"},
    {"id_token_hint": "x"},
    {"display": "x", "scope": ""},
    {"prompt": "none", "scope": "nonsense"},
    {"response_mode": "form_post", "scope": "nonsense"},
    {"response_mode": "jwt", "scope": "nonsense"},
]


@pytest.mark.parametrize("changes", MISTAKES, ids=str)
def test_rfc9700_4_11_2_a_mistake_of_a_strangers_request_sends_nobody_to_it(
    house: House, changes: dict[str, str]
) -> None:
    client = register(house).get_json()

    page = house.browser().visit(request(client, **changes))

    assert offers(page)
    assert "tự đăng ký" in page.text


def test_rfc9700_4_11_2_the_person_may_go_there(house: House) -> None:
    client = register(house).get_json()

    page = house.browser().visit(request(client, scope="nonsense"))
    posted = house.browser().visit(request(client, scope="nonsense", response_mode="form_post"))

    link = f"{METADATA['redirect_uris'][0]}?error=invalid_scope&"
    assert f'href="{link.replace("&", "&amp;")}' in page.text
    assert "state=s%3C%26%22" in page.text
    assert 'name="error" value="invalid_scope"' in posted.text
    assert "form_post.js" not in posted.text


def test_rfc9700_4_11_2_who_declines_is_not_sent_to_a_stranger(house: House) -> None:
    client, browser = register(house).get_json(), signed_in(house)
    browser.visit(request(client))

    page = browser.send({"do": "cancel"})

    assert offers(page)


def test_rfc9700_4_11_2_a_strangers_first_visitor_is_always_asked(house: House) -> None:
    """Also one who does not want to be asked by portals that see nothing."""
    client, browser = register(house).get_json(), signed_in(house)
    add_portal(house)
    with house.database.transaction() as connection:
        connection.execute(text("UPDATE accounts SET asks_new_portals = false"))

    page = browser.visit(request(client))
    assert f"Địa chỉ của cổng: {HOST}" in page.text
    back = browser.send({"do": "confirm"})
    again = browser.visit(request(client))

    assert (page.status_code, "code" in answer_of(back), "code" in answer_of(again)) == (
        200,
        True,
        True,
    )


def test_core_3_1_2_1_a_silent_request_is_answered_without_a_page(house: House) -> None:
    """RFC 9700 makes this exception, and OpenID Connect allows no page."""
    client = register(house).get_json()

    page = house.browser().visit(request(client, prompt="none"))

    assert answer_of(page)["error"] == "login_required"


def test_who_was_let_in_is_no_stranger(house: House) -> None:
    token = initial_token(house)
    known = register(house, token).get_json()

    page = house.browser().visit(request(known, scope="nonsense"))

    assert answer_of(page)["error"] == "invalid_scope"


def test_a_stranger_stays_one_whatever_it_says_later(house: House) -> None:
    client = register(house, is_stranger=False).get_json()
    manage(house, client, "PUT", {**METADATA, "is_stranger": False})

    page = house.browser().visit(request(client, scope="nonsense"))

    assert offers(page)
    assert "is_stranger" not in client


def test_operators_see_who_let_itself_in(house: House) -> None:
    stranger = register(house).get_json()["client_id"]
    known = register(house, initial_token(house)).get_json()["client_id"]

    told = {client.client_id: standing(client, stored, now=house.clock())
            for client, stored in every(house.base)}  # fmt: skip

    assert (told[stranger], told[known]) == ("[let itself in]", "")


def signed_in(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.get("/login")
    browser.post({"username": PERSON["username"], "password": PASSWORD})
    browser.post({"code": house.last_code()})
    return browser
