"""Every other journey with planted values (see ``test_planted`` for those of an account)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from idp.config import System
from tests.journeys import test_bhxh as bhxh
from tests.journeys import test_complaint as complaint
from tests.journeys import test_representatives as representatives
from tests.journeys import test_sim as sim
from tests.journeys import test_usb as usb
from tests.journeys import test_vnpost as vnpost
from tests.journeys.test_activity import dump
from tests.journeys.test_device import someone
from tests.support import house as houses
from tests.support.decoupled import add_kiosk, add_office, confirms, opens_approval
from tests.support.house import PASSWORD, PERSON, House, add_portal, answer_of

NOBODY = {
    "username": "079188000777",
    "full_name": "Đoàn Kiều Oanh",
    "birth_date": "03/04/1988",
    "phone": "0829876001",
    "email": "oanh@example.vn",
}
WRONG = "Sai-Mật-Khẩu-99"
Planted = list[str]


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    systems = {"vnpost": System("http://localhost:1", "post-key")}
    built = houses.build(database_url, tmp_path, systems=systems)
    yield built
    built.database.close()


# --- registration ---------------------------------------------------------------------------------


def refused_registration(house: House) -> Planted:
    """Nobody's data, data of somebody else, a child's, a source that is down, a password there."""
    for changes in (NOBODY, {"full_name": NOBODY["full_name"]}, {"username": WRONG}):
        browser = house.browser()
        browser.opens_registration()
        browser.fills_in(**changes)
    house.carrier.is_down = True
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in(**NOBODY)
    return [*NOBODY.values(), NOBODY["phone"][1:], WRONG]


def existing_account(house: House) -> Planted:
    house.browser().registers()
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in(email=NOBODY["email"])
    return [NOBODY["email"]]


def weak_passwords(house: House) -> Planted:
    browser = house.browser()
    browser.opens_registration()
    browser.fills_in()
    browser.post({"code": house.last_code()})
    for password, again in ((WRONG, "Khác-Hẳn-2026"), ("ngắn-Q1", "ngắn-Q1")):
        browser.post({"password": password, "password_again": again})
    return [WRONG, "Khác-Hẳn-2026", "ngắn-Q1"]


def registration_by_bhxh(house: House) -> Planted:
    numbers = (bhxh.CCCD.value, bhxh.CMND.value)
    house.insurance.add(bhxh.CODE, *numbers, name=PERSON["full_name"], birth_date="1972-02-01")
    for changes in ({"full_name": NOBODY["full_name"]}, {}):
        browser = house.browser()
        bhxh.fill_in(browser, **changes)
    bhxh.finish(browser)
    return [bhxh.CODE, NOBODY["full_name"]]


def registration_at_a_post_office(house: House) -> Planted:
    code = vnpost.issue(house).get_json()["activation_code"]
    vnpost.activate(house.browser(), "AAAAA-AAAAA")
    browser = house.browser()
    vnpost.activate(browser, code)
    vnpost.finish(browser)
    return [code, f"{code[:5]}-{code[5:]}", "post-key"]


def registration_and_sign_in_by_sim(house: House) -> Planted:
    leaf = sim.certificate(serial=7101)
    sim.registers(house.browser(), leaf)
    house.clock.forward(minutes=11)
    browser = house.browser()
    sim.opens_login(browser)
    sim.answers(house, leaf)
    assert sim.looks(browser).request.path == "/account"
    return ["NGUYỄN VĂN HOÀ"]


def registration_and_sign_in_by_usb(house: House) -> Planted:
    leaf = usb.certificate(serial=7102)
    usb.registers(house.browser(), leaf, email=NOBODY["email"])
    browser = house.browser()
    usb.opens_login(browser)
    nonce = usb.asked(browser)
    assert usb.signs(browser, leaf).request.path == "/account"
    return ["NGUYỄN VĂN HOÀ", NOBODY["email"], nonce]


def an_enterprise_and_who_acts_for_it(house: House) -> Planted:
    representatives.ready(house)
    representatives.acts(house)
    return ["NGUYỄN VĂN HOÀ"]


# --- sign-in --------------------------------------------------------------------------------------


def refused_sign_in(house: House) -> Planted:
    """A wrong password, an unknown number, a password where the number belongs, wrong codes."""
    house.browser().registers()
    typed = [(PERSON["username"], WRONG), (NOBODY["username"], WRONG), (PASSWORD, NOBODY["email"])]
    for username, password in typed:
        browser = house.browser()
        browser.get("/login")
        browser.types_password(username, password)
        browser.types_password(username, password)
    house.clock.forward(minutes=20)
    browser = house.browser()
    browser.get("/login")
    browser.types_again()
    browser.post({"code": WRONG})
    browser.post({"code": "000000"})
    return [WRONG, NOBODY["username"], NOBODY["email"]]


def secrets_in_an_address(house: House) -> Planted:
    """Where nothing of it belongs, and where an error page is the answer."""
    client = house.app.test_client()
    for path in ("/login", "/nowhere", "/account", "/authorize", "/token", "/static/x"):
        client.get(f"{path}?password={WRONG}&username={NOBODY['username']}")
        client.post(f"{path}/{NOBODY['username']}", data={"password": WRONG})
    return [WRONG, NOBODY["username"]]


# --- complaint, device, back office ---------------------------------------------------------------


def a_complaint(house: House) -> Planted:
    house.browser().registers()
    ticket = complaint.complain(house)
    complaint.look(house, ticket)
    complaint.look(house, "KN-AAAA-BBBB-CCCC")
    return [ticket, "chưa bao giờ mở tài khoản", complaint.FORM["phone"]]


def a_device(house: House) -> Planted:
    browser, kiosk = someone(house), add_kiosk(house)
    kiosk.begins()
    confirms(browser, kiosk.user_code)
    tokens = kiosk.waits_and_polls().get_json()
    return [kiosk.device_code, kiosk.user_code, kiosk.portal.secret, tokens["access_token"],
            tokens["refresh_token"]]  # fmt: skip


def a_back_office(house: House) -> Planted:
    house.settings_limits(requests_per_person=100)
    browser, office = someone(house), add_office(house)
    office.asks(login_hint=NOBODY["username"], binding_message="Ho so 77123")
    office.asks(binding_message="Ho so 77123")
    opens_approval(browser)
    office.waits_and_polls()
    return [office.auth_req_id, office.portal.secret, NOBODY["username"], "Ho so 77123"]


# --- portals --------------------------------------------------------------------------------------


def every_call_of_a_portal(house: House) -> Planted:
    portal, client = add_portal(house), house.app.test_client()
    auth = (portal.client_id, portal.secret)
    house.browser().registers()
    pushed = client.post(
        "/par", data=dict(parse_qsl(urlsplit(portal.request()).query)), auth=auth
    ).get_json()["request_uri"]
    browser = house.browser()
    path = f"/authorize?client_id={portal.client_id}&request_uri={pushed}"
    code = answer_of(browser.signs_in_at(path))["code"]
    tokens = portal.redeems(code).get_json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    client.get("/userinfo", headers=bearer)
    fresh = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    for token in (tokens["access_token"], fresh.get_json()["refresh_token"], WRONG):
        client.post("/introspect", data={"token": token}, auth=auth)
        client.post("/revoke", data={"token": token}, auth=auth)
    portal.redeems(code)
    client.post("/token", data={"grant_type": "refresh_token"}, auth=("hanoi", WRONG))
    client.get(f"/logout?id_token_hint={tokens['id_token']}")
    handle = pushed.rpartition(":")[2]
    return [portal.secret, code, handle, portal.verifier, WRONG,
            *(tokens[name] for name in ("access_token", "id_token", "refresh_token")),
            fresh.get_json()["refresh_token"]]  # fmt: skip


WALKS: list[Callable[[House], Planted]] = [
    refused_registration, existing_account, weak_passwords, registration_by_bhxh,
    registration_at_a_post_office, registration_and_sign_in_by_sim,
    registration_and_sign_in_by_usb, an_enterprise_and_who_acts_for_it, refused_sign_in,
    secrets_in_an_address, a_complaint, a_device, a_back_office, every_call_of_a_portal,
]  # fmt: skip


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
def test_no_journey_leaves_anything_personal_in_a_log_in_clear_or_in_a_metric(
    house: House, capfd: pytest.CaptureFixture[str], walk: Callable[[House], Planted]
) -> None:
    planted = walk(house)
    codes = {c for m in house.messages() for c in re.findall(r"(?<!\d)\d{6}(?!\d)", m["text"])}

    said, kept = "".join(capfd.readouterr()), dump(house)

    assert "endpoint=" in said
    counted = repr(house.base.meter.numbers())
    for value in {*planted, *PERSON.values(), "821234088", "012345678", "1972-02-01", PASSWORD}:
        assert value not in said, value
        assert value not in kept, value
        assert value not in counted, value
    for code in codes:
        assert not re.search(rf"(?<![\d.]){code}(?!\d)", said), code
