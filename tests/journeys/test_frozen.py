"""A frozen account lets nobody in, on every channel and node; here those with no file of their own.

By password, code, token, passkey and app: test_recovery, test_passkey, test_totp; by a device's
code and CIBA once answered: tests/oidc/rfc8628, tests/oidc/ciba.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.config import System
from tests.journeys import test_sim as sim
from tests.journeys import test_vnpost as post
from tests.journeys.test_account import NEW
from tests.journeys.test_operator import freeze
from tests.oidc.ciba.test_answers import sim_owner
from tests.support import house as houses
from tests.support.decoupled import add_kiosk, add_office, confirms, works
from tests.support.house import (
    PASSWORD,
    PERSON,
    Browser,
    House,
    PortalClient,
    add_portal,
    answer_of,
)

NUMBER = PERSON["username"]
LOCKED = "Tài khoản đang bị khóa"


def test_a_frozen_account_lets_nobody_in_by_sim(house: House) -> None:
    leaf = sim.certificate()
    sim.registers(house.browser(), leaf)
    browser = house.browser()
    sim.opens_login(browser)
    freeze(house, NUMBER)
    sim.answers(house, leaf)

    page = sim.looks(browser)

    assert LOCKED in page.text
    assert "/login" in browser.get("/account").request.path


def test_a_frozen_account_of_a_post_office_lets_nobody_in(
    database_url: str, tmp_path: Path
) -> None:
    systems = {"vnpost": System("http://localhost:1", "post-key")}
    house = houses.build(database_url, tmp_path, systems=systems)
    code = post.issue(house).get_json()["activation_code"]
    browser = house.browser()
    post.activate(browser, code)
    post.finish(browser)
    freeze(house, NUMBER)
    house.forget_messages()
    browser = house.browser()
    browser.get("/login")

    page = browser.types_again()

    assert LOCKED in page.text
    assert [message for message in house.messages() if "to" in message] == []
    house.database.close()


def test_the_phone_of_a_frozen_account_is_not_asked(house: House) -> None:
    sim_owner(house)
    office = add_office(house)
    prompts = len(house.signer.prompts)
    office.asks()
    freeze(house, NUMBER)

    works(house)

    assert len(house.signer.prompts) == prompts


def test_no_device_is_let_in_by_a_frozen_account(house: House) -> None:
    browser, kiosk = house.browser(), add_kiosk(house)
    browser.registers()
    browser.signs_in_again()
    kiosk.begins()
    freeze(house, NUMBER)

    browser.get("/device")

    assert "Mã này có đang hiện" not in browser.post({"user_code": kiosk.user_code}).text
    assert kiosk.polls().get_json()["error"] == "authorization_pending"


# --- what portals have ends, on every node, with the commit -------------------------------------


def signed_in(house: House) -> tuple[Browser, PortalClient, dict[str, Any]]:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    return browser, portal, portal.signs_in_with(browser)


@pytest.fixture
def other(database_url: str, house: House) -> Iterator[House]:
    """The second node."""
    node = houses.second_node(house, database_url)
    yield node
    node.database.close()


def freezes(browser: Browser) -> None:
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})


def changes_password(browser: Browser) -> None:
    """From another browser, as that one keeps its own session."""
    owner = browser.house.browser()
    owner.signs_in_again()
    owner.get("/account/password")
    form = {"current_password": PASSWORD, "password": NEW, "password_again": NEW}
    assert owner.post(form).request.path == "/account/methods"


def revokes(browser: Browser) -> None:
    browser.get("/account/portals")
    browser.post({"portal": "hanoi"}, "/account/portals/revoke")


def leaves(browser: Browser) -> None:
    browser.get("/account/sessions")
    browser.post({"all": "all"}, "/account/sessions/end")


ENDINGS = [freezes, changes_password, revokes, leaves]


@pytest.mark.parametrize("act", ENDINGS, ids=lambda act: act.__name__)
def test_what_a_portal_has_ends_on_the_other_node_at_once(
    house: House, other: House, act: Callable[[Browser], None]
) -> None:
    browser, portal, tokens = signed_in(house)
    there = PortalClient(other, portal.client_id, portal.secret, portal.redirect_uri)
    assert userinfo(other, tokens).status_code == 200

    act(browser)

    assert userinfo(other, tokens).status_code == 401
    again = there.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"


def userinfo(node: House, tokens: dict[str, Any]) -> TestResponse:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return node.app.test_client().get("/userinfo", headers=headers)


def test_a_code_of_a_frozen_account_gives_no_tokens_on_the_other_node(
    house: House, other: House
) -> None:
    portal, browser = add_portal(house), house.browser()
    browser.registers()
    code = answer_of(browser.signs_in_at(portal.request()))["code"]
    there = PortalClient(other, portal.client_id, portal.secret, portal.redirect_uri)

    freeze(house, NUMBER)

    assert there.redeems(code).get_json()["error"] == "invalid_grant"


def test_a_frozen_account_answers_no_silent_request(house: House) -> None:
    browser, portal, _ = signed_in(house)

    freeze(house, NUMBER)

    page = browser.visit(portal.request(prompt="none"))
    assert answer_of(page)["error"] == "login_required"


def test_an_answered_device_of_a_frozen_account_gets_nothing_on_the_other_node(
    house: House, other: House
) -> None:
    browser, kiosk = house.browser(), add_kiosk(house)
    browser.registers()
    browser.signs_in_again()
    kiosk.begins()
    confirms(browser, kiosk.user_code)
    there = PortalClient(other, "kiosk", kiosk.portal.secret, kiosk.portal.redirect_uri)

    freeze(house, NUMBER)

    answer = there.token(
        grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=kiosk.device_code
    )
    assert answer.status_code == 400
