"""What is answered before routing is answered as behind it: same status, headers and body."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from idp.domain.errors import StorageUnavailable
from idp.oidc import interaction
from idp.oidc.calls import Call
from tests.support import house as houses
from tests.support.house import House, add_portal

FORM = "application/x-www-form-urlencoded"
BASIC = "Basic " + base64.b64encode(b"hanoi:wrong").decode()


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = houses.build(database_url, tmp_path)
    add_portal(built)
    yield built
    built.database.close()


def both(house: House, **request: Any) -> tuple[TestResponse, TestResponse]:
    hot = house.app.wsgi_app._after._after  # type: ignore[attr-defined]
    return tuple(  # type: ignore[return-value]
        Client(app, TestResponse, use_cookies=False).open(**request) for app in (hot, hot._after)
    )


CALLS: list[dict[str, Any]] = [
    {"path": "/token", "method": "POST"},
    {"path": "/token", "method": "POST", "data": "grant_type=x", "content_type": FORM},
    {"path": "/token", "method": "POST", "data": b"\xff\xfe=%ff", "content_type": FORM},
    {"path": "/token", "method": "POST", "data": "a=1&a=2", "content_type": FORM},
    {"path": "/token", "method": "POST", "data": b"x" * 70_000, "content_type": FORM},
    {"path": "/token", "method": "POST", "data": "{}", "content_type": "application/json"},
    {
        "path": "/token",
        "method": "POST",
        "data": "grant_type=client_credentials",
        "content_type": FORM,
        "headers": {"Authorization": BASIC},
    },
    {"path": "/token", "method": "GET"},
    {"path": "/token", "method": "OPTIONS"},
    {"path": "/token/", "method": "POST"},
    {"path": "/userinfo"},
    {"path": "/userinfo", "headers": {"Authorization": "Bearer x"}},
    {"path": "/userinfo", "headers": {"Authorization": "DPoP x", "DPoP": "a,b"}},
    {"path": "/introspect", "method": "POST", "data": "token=x", "content_type": FORM},
    {"path": "/revoke", "method": "POST", "data": "token=x", "content_type": FORM},
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.get('method')} {call['path']}")
def test_both_ways_say_the_same(house: House, call: dict[str, Any]) -> None:
    hot, ordinary = both(house, **call)

    assert hot.status_code == ordinary.status_code
    assert sorted(_headers(hot)) == sorted(_headers(ordinary))
    assert hot.data == ordinary.data or b"IDP-" in hot.data


def test_a_sign_on_that_needs_nobody_is_the_same_redirect(house: House) -> None:
    portal = add_portal(house, "hue")
    browser = house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    cookies = "; ".join(f"{each.key}={each.value}" for each in browser.client._cookies.values())

    hot, ordinary = both(house, path=portal.request(), headers={"Cookie": cookies})

    for answer in (hot, ordinary):
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(portal.redirect_uri)
    ours, theirs = (
        {name for name, _ in _headers(each)} - {"Content-Type"} for each in (hot, ordinary)
    )
    assert ours == theirs


def test_a_pushed_request_is_answered_as_quickly_and_once(house: House) -> None:
    portal = add_portal(house, "hue")
    browser = house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    cookies = "; ".join(f"{each.key}={each.value}" for each in browser.client._cookies.values())
    asked = dict(parse_qsl(urlsplit(portal.request()).query))
    answer = house.app.test_client().post("/par", data=asked, auth=("hue", portal.secret))
    pushed = answer.get_json()
    query = urlencode({"client_id": "hue", "request_uri": pushed["request_uri"]})
    slow_way = house.app.view_functions["authorize"]
    house.app.view_functions["authorize"] = lambda: ("the slow way", 200)

    def visit(_: int) -> TestResponse:
        client = Client(house.app, TestResponse, use_cookies=False)
        return client.get(f"/authorize?{query}", headers={"Cookie": cookies})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(visit, range(8)))
    house.app.view_functions["authorize"] = slow_way

    codes = [each for each in answers if "code=" in each.headers.get("Location", "")]
    assert len(codes) == 1
    assert {each.text for each in answers if each not in codes} == {"the slow way"}
    assert visit(0).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "login"},
        {"prompt": "none", "scope": "profile"},
        {"max_age": "0"},
        {"response_mode": "form_post"},
        {"redirect_uri": "https://evil.example/"},
        {"client_id": "nobody"},
        {"client_id": "\x00"},
        {"claims": "{" * 3000},
        {"request_uri": "https://portal.example.vn/request"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:nobody"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:", "request": "a.b.c"},
    ],
)
def test_whatever_is_not_plain_goes_the_ordinary_way(house: House, changes: dict[str, str]) -> None:
    portal = add_portal(house, "hue")
    browser = house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    house.clock.forward(seconds=10)
    cookies = "; ".join(f"{each.key}={each.value}" for each in browser.client._cookies.values())

    hot, ordinary = both(house, path=portal.request(**changes), headers={"Cookie": cookies})

    assert hot.status_code == ordinary.status_code
    assert "code=" not in hot.headers.get("Location", "")


def test_a_failing_database_is_told_as_behind_routing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr("idp.storage.database.Database.one", fail)

    for answer in both(
        house,
        path="/token",
        method="POST",
        data="grant_type=client_credentials&client_id=hanoi&client_secret=x",
        content_type=FORM,
    ):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert answer.get_json()["error"] == "temporarily_unavailable"


def _headers(response: TestResponse) -> list[tuple[str, str]]:
    return [
        (name, "new each time" if name == interaction.HEADER else value)
        for name, value in response.headers
        if name not in {"X-Request-Id", "Content-Length", "Date"}
    ]


@pytest.mark.parametrize("number", [99, 150, 3000])
def test_any_number_of_unknown_parameters_is_passed_over(house: House, number: int) -> None:
    portal = add_portal(house, "other")
    browser = house.browser()
    browser.client.set_cookie("idp_session", "somebody")
    many = "&".join(f"unknown{place}=1" for place in range(number))

    answer = browser.client.get(f"{portal.request()}&{many}")

    assert (answer.status_code, answer.headers["Location"][:7]) == (303, "/login/")


def test_both_ways_know_which_network_calls(house: House) -> None:
    seen: list[str] = []
    pages = house.app.wsgi_app._after._after._after._pages  # type: ignore[attr-defined]

    def admit(call: Call, _subject: str, _assertion: str) -> None:
        seen.append(call.address)

    object.__setattr__(pages._provider.authenticator, "admit", admit)
    claims = base64.urlsafe_b64encode(b'{"sub":"hanoi"}').decode().rstrip("=")
    form = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": f"e30.{claims}.AA",
    }

    peer = {"REMOTE_ADDR": "192.0.2.7"}
    both(house, path="/token", method="POST", data=form, environ_overrides=peer)

    assert seen == ["192.0.2.7", "192.0.2.7"]
