"""Signing in once more in the same browser: the session goes on, and nobody is less proven."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.sessions import Device, Session
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.storage.sessions import SessionStore
from tests.journeys.test_levels import adds_usb
from tests.journeys.test_usb import certificate, opens_login, signs
from tests.support.build import DEVICE, LIFETIMES, VAULT, open_account
from tests.support.decoupled import add_office, opens_approval
from tests.support.house import (
    PASSWORD,
    PERSON,
    Browser,
    House,
    PortalClient,
    add_portal,
    answer_of,
)
from tests.support.portals import MemoryWeb, build_courier, read

ESSENTIAL = json.dumps({"id_token": {"acr": {"essential": True, "value": "ial3"}}})


def owner_of_both(house: House) -> Browser:
    """Somebody with a password and a token, signed in with the token."""
    browser = house.browser()
    browser.registers()
    browser.signs_in()
    adds_usb(browser)
    house.clock.forward(minutes=6)
    opens_login(browser)
    signs(browser, certificate())
    return browser


def by_password(browser: Browser) -> None:
    browser.house.clock.forward(minutes=1)
    browser.signs_in_again()


def told(portal: PortalClient, browser: Browser, **changes: str) -> dict[str, Any]:
    """What the ID token of the signed-in person says there."""
    page = browser.visit(portal.request(scope="openid", **changes))
    if page.status_code == 200:
        page = browser.send({"do": "confirm"})
    tokens = portal.redeems(answer_of(page)["code"]).get_json()
    return portal.claims(tokens["id_token"])


def acr_of(portal: PortalClient, browser: Browser, **changes: str) -> str:
    return str(told(portal, browser, **changes)["acr"])


def test_the_level_of_a_session_does_not_drop_by_another_sign_in(house: House) -> None:
    portal, browser = add_portal(house), owner_of_both(house)
    by_password(browser)

    assert acr_of(portal, browser, acr_values="ial3") == "ial3"


def test_nor_by_the_answer_to_a_request_on_another_device(house: House) -> None:
    portal, browser = add_portal(house), owner_of_both(house)
    add_office(house).asks()
    house.clock.forward(seconds=30)
    opens_approval(browser)
    browser.post({"do": "confirm"})
    browser.get(f"{browser.path}?method=password_otp")
    browser.types_again()
    browser.post({"code": house.last_code()})
    browser.post({"do": "confirm"})
    assert browser.path == "/account/approvals", browser.text

    assert acr_of(portal, browser, claims=ESSENTIAL) == "ial3"


def test_what_was_carried_over_fades_as_it_would_have(house: House) -> None:
    portal, browser = add_portal(house), owner_of_both(house)
    by_password(browser)
    house.clock.forward(minutes=4, seconds=1)

    page = browser.visit(portal.request(scope="openid", prompt="none", claims=ESSENTIAL))

    assert answer_of(page)["error"] == "login_required"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "30"}])
def test_core_2_who_asks_for_a_new_sign_in_hears_what_that_one_proved(
    house: House, asked: dict[str, str]
) -> None:
    portal, browser = add_portal(house), owner_of_both(house)
    house.clock.forward(minutes=1)
    browser.visit(portal.request(scope="openid", acr_values="ial3 ial2", **asked))
    browser.get(f"{browser.path}?method=password_otp")
    browser.send({"username": PERSON["username"], "password": PASSWORD})
    browser.send({"code": house.last_code()})

    page = browser.send({"do": "confirm"})

    tokens = portal.redeems(answer_of(page)["code"]).get_json()
    assert portal.claims(tokens["id_token"])["acr"] == "ial2"


def test_the_consent_page_of_a_new_sign_in_names_what_that_one_proved(house: House) -> None:
    portal, browser = add_portal(house), owner_of_both(house)
    house.clock.forward(minutes=1)
    browser.visit(portal.request(acr_values="ial3 ial2", prompt="login"))
    browser.get(f"{browser.path}?method=password_otp")
    browser.send({"username": PERSON["username"], "password": PASSWORD})

    page = browser.send({"code": house.last_code()})
    back = browser.send({"do": "confirm"})

    claims = portal.claims(portal.redeems(answer_of(back)["code"]).get_json()["id_token"])
    assert (claims["acr"], "lần đăng nhập này: mức 2" in page.text) == ("ial2", True)


def test_portals_that_know_the_old_name_of_the_session_are_told_of_its_end(house: House) -> None:
    uri = {"backchannel_logout_uri": "https://hanoi.example.vn/bye"}
    front = {"frontchannel_logout_uri": "https://front.example.vn/bye"}
    portal, other = add_portal(house, **uri), add_portal(house, "front", **front)
    browser, web = owner_of_both(house), MemoryWeb()
    old, old_front = told(portal, browser)["sid"], told(other, browser)["sid"]
    by_password(browser)
    build_courier(house, web).deliver()
    assert not web.logout_tokens(uri["backchannel_logout_uri"])

    browser.get("/logout")
    browser.post({"do": "all"})

    build_courier(house, web).deliver()
    [token] = web.logout_tokens(uri["backchannel_logout_uri"])
    assert read(house, token)[1]["sid"] == old
    assert f"sid={old_front}" in browser.text.replace("&amp;", "&")


# --- what is carried over -----------------------------------------------------------------------


def opened(
    house: House, account_id: UUID, *evidence: Evidence, actor_id: UUID | None = None
) -> Session:
    store = SessionStore(house.database, VAULT, LIFETIMES)
    with house.database.transaction() as connection:
        _, cookie = store.add(
            connection, account_id, evidence, device=DEVICE, actor_id=actor_id, now=house.clock()
        )
    seen = store.find(cookie, now=house.clock())
    assert seen
    return replace(seen.session, device=Device(cookie, ""))


def after(house: House, old: Session, new: Session) -> Sequence[Evidence]:
    """What the new session proves once it took the place of the old one."""
    store = SessionStore(house.database, VAULT, LIFETIMES)
    with house.database.transaction() as connection:
        store.supersede(connection, old, new, now=house.clock())
    assert new.device
    seen = store.find(new.device.ip, now=house.clock())
    assert seen
    return seen.session.evidence


def proof(at: datetime, method: str = "usb", **changes: str) -> Evidence:
    return Evidence(method, IAL.HIGH, (Amr.HWK,), at, **changes)  # type: ignore[arg-type]


def test_every_proof_keeps_its_time_and_its_purpose(house: House) -> None:
    account_id, now = open_account(house.database), house.clock()
    old = opened(house, account_id, proof(now, made_for="ciba 1"))
    new = opened(house, account_id, proof(now + timedelta(seconds=9), "password_otp"))

    found = after(house, old, new)

    assert [(each.method, each.made_for) for each in found] == [
        ("usb", "ciba 1"),
        ("password_otp", ""),
    ]
    assert found[0].at == now


def test_nothing_goes_from_one_person_to_another(house: House) -> None:
    one = open_account(house.database)
    other = open_account(house.database, **another())
    old, new = opened(house, one, proof(house.clock())), opened(house, other, proof(house.clock()))

    assert len(after(house, old, new)) == 1


def test_nothing_goes_from_who_acts_to_the_organisation_or_back(house: House) -> None:
    one = open_account(house.database)
    other = open_account(house.database, **another())
    old = opened(house, one, proof(house.clock()))
    new = opened(house, other, proof(house.clock(), "sim"))
    new = replace(new, account_id=old.account_id)

    assert [each.method for each in after(house, old, new)] == ["sim"]


def test_a_session_that_was_ended_at_this_moment_gives_nothing(house: House) -> None:
    account_id = open_account(house.database)
    old = opened(house, account_id, proof(house.clock()))
    new = opened(house, account_id, proof(house.clock(), "password_otp"))
    store = SessionStore(house.database, VAULT, LIFETIMES)
    with house.database.transaction() as connection:
        store.end(connection, [old.id], "revoked", now=house.clock())

    assert [each.method for each in after(house, old, new)] == ["password_otp"]


def test_no_proof_counts_longer_than_a_session_lives_however_often_it_was_carried(
    house: House,
) -> None:
    account_id, began = open_account(house.database), house.clock()
    session = opened(house, account_id, proof(began))
    for _ in range(5):
        house.clock.forward(hours=3)
        following = opened(house, account_id, proof(house.clock(), "password_otp"))
        found = after(house, session, following)
        session = following

    assert {each.method for each in found} == {"password_otp"}
    assert all(house.clock() - each.at < LIFETIMES.absolute for each in found)


def another() -> dict[str, object]:
    return {
        "id_numbers": (IdNumber.parse("001072000137"),),
        "phone": PhoneNumber.parse("0821234099"),
        "email": None,
    }
