"""Kiosks and back offices against the people they ask (RFC 8628, 5; CIBA Core, 15)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.domain.subjects import PhoneNumber
from idp.flows.answers import Visitor
from tests.oidc.ciba.test_answers import password_owner
from tests.support.decoupled import (
    DEVICE,
    Kiosk,
    Office,
    add_kiosk,
    add_office,
    confirms,
    enters,
    flow_of,
    opens_approval,
)
from tests.support.house import PERSON, Browser, House, add_portal
from tests.support.portal_kit import open_plain_house


@pytest.fixture
def house(sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    built = open_plain_house(sqlite_template, tmp_path)
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def asking(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Office]]:
    """A back office and a person, for requests that change nothing."""
    built = open_plain_house(sqlite_template, tmp_path_factory.mktemp("asking"))
    password_owner(built)
    yield built, add_office(built)
    built.database.close()


HINTS = [
    PERSON["username"],
    f"urn:vn:cccd:{PERSON['username']}",
    "012345678",
    "urn:vn:cmnd:012345678",
]


def test_no_mixture_of_hints_fills_a_phone_with_messages(house: House) -> None:
    password_owner(house)
    house.forget_messages()
    offices = [add_office(house, f"office{number}") for number in range(2)]

    for _ in range(3):
        for office in offices:
            for hint in HINTS:
                office.asks(login_hint=hint)
        house.clock.forward(minutes=10, seconds=1)

    messages = [each for each in house.messages() if "subject" not in each]
    assert 0 < len(messages) <= house.base.config.limits.prompts_per_phone_day


@pytest.mark.parametrize("hint", HINTS)
def test_one_person_is_asked_a_few_times_whoever_asks(house: House, hint: str) -> None:
    password_owner(house)
    offices = [add_office(house, f"office{number}") for number in range(4)]

    statuses = [office.asks(login_hint=hint).status_code for office in offices * 3]

    assert statuses == [200] * 5 + [403] * 7


def test_a_phone_is_not_rung_all_day_by_portals(house: House) -> None:
    limits, phone = flow_of(house).phones.limits, PhoneNumber.parse("0821234088")
    rung = 0
    for _ in range(60):
        rung += limits.before_remote_prompt(phone, now=house.clock())
        limits.after_prompt(phone)
        house.clock.forward(minutes=15)

    assert rung == house.base.config.limits.prompts_per_phone_day


def test_prompts_of_portals_do_not_use_up_those_of_the_owner(house: House) -> None:
    limits, phone = flow_of(house).phones.limits, PhoneNumber.parse("0821234088")
    for _ in range(30):
        limits.before_remote_prompt(phone, now=house.clock())
        limits.after_prompt(phone)
        house.clock.forward(minutes=15)

    assert limits.before_prompt(phone, Visitor(b"", "192.0.2.1", ""), now=house.clock()) is None


UNKNOWN = ["001072000999", "urn:vn:cccd:001072000999", "999999999", "urn:vn:cmnd:999999999"]


@pytest.mark.parametrize("hint", UNKNOWN)
def test_who_has_no_account_is_asked_as_everybody(asking: tuple[House, Office], hint: str) -> None:
    _, office = asking

    known, unknown = office.asks().get_json(), office.asks(login_hint=hint).get_json()

    assert set(known) == set(unknown)
    assert len(known["auth_req_id"]) == len(unknown["auth_req_id"])
    assert known["expires_in"] == unknown["expires_in"]


MESSAGES = {
    "a link": "http://evil.example",
    "an address": "evil.vn/x",
    "a line break": "Ho so\n12345",
    "a tab": "Ho so\t1",
    "too long": "x" * 51,
    "another alphabet": "Hо so 12345",
    "from right to left": "\u202e54321",
    "a zero-width letter": "Ho\u200bso",
    "an emoji": "Ho so \U0001f600",
    "only spaces": "   ",
    "a space before": " Ho so",
    "an escape": "\x1b[2J",
}


@pytest.mark.parametrize("how", MESSAGES)
def test_no_message_deceives_who_reads_it(asking: tuple[House, Office], how: str) -> None:
    answer = asking[1].asks(binding_message=MESSAGES[how])

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_binding_message")


REQUESTS: dict[str, dict[str, str | None]] = {
    "no hint": {"login_hint": None},
    "two hints": {"id_token_hint": "a.b.c"},
    "a hint token": {"login_hint": None, "login_hint_token": "x"},
    "a forged hint": {"login_hint": None, "id_token_hint": "e30.e30."},
    "a phone number": {"login_hint": "0821234088"},
    "an e-mail": {"login_hint": "hoa@example.vn"},
    "a list of numbers": {"login_hint": "001072000136 001072000137"},
    "full-width digits": {"login_hint": "００１０７２０００１３６"},
    "a wildcard": {"login_hint": "%"},
    "a zero byte": {"login_hint": "001072000136\0"},
    "a very long hint": {"login_hint": "1" * 9000},
    "no scope": {"scope": None},
    "no openid": {"scope": "profile"},
    "an expiry of nothing": {"requested_expiry": "0"},
    "a negative expiry": {"requested_expiry": "-1"},
    "an expiry that is none": {"requested_expiry": "1e9"},
    "a resource of somebody else": {"resource": "https://evil.example/"},
    "a broken request": {"request": "a.b.c"},
    "claims that are none": {"claims": "["},
    "a level that nobody knows": {
        "claims": '{"id_token":{"acr":{"essential":true,"value":"gold"}}}'
    },
}


@pytest.mark.parametrize("how", REQUESTS)
def test_a_wrong_request_asks_nobody(asking: tuple[House, Office], how: str) -> None:
    house, office = asking
    house.forget_messages()

    answer = office.asks(**REQUESTS[how])

    assert 400 <= answer.status_code < 500
    assert "auth_req_id" not in answer.get_json()
    assert house.messages() == []


# --- other people's requests --------------------------------------------------------------------


def somebody_else(house: House) -> Browser:
    house.carrier.add("0912345678", "001085014236", name="Trần Văn Bình", birth_date="15/08/1985")
    browser = house.browser()
    browser.registers(
        username="001085014236",
        full_name="Trần Văn Bình",
        birth_date="15/08/1985",
        phone="0912345678",
        email="",
    )
    browser.get("/login")
    browser.types_password("001085014236")
    browser.post({"code": house.last_code()})
    return browser


@pytest.mark.parametrize("do", ["confirm", "cancel", "freeze"])
def test_nobody_answers_for_somebody_else(house: House, do: str) -> None:
    owner, office = password_owner(house), add_office(house)
    office.asks()
    path = opens_approval(owner).request.path
    thief = somebody_else(house)
    thief.get("/account/password")
    thief.get(path)

    thief.client.post(path, data={"csrf": thief._csrf() if "csrf" in thief.text else "", "do": do})

    assert office.polls().get_json()["error"] == "authorization_pending"
    assert owner.get("/account").request.path == "/account"


def approved(house: House) -> tuple[Kiosk, Browser]:
    kiosk, browser = add_kiosk(house), password_owner(house)
    kiosk.begins()
    confirms(browser, kiosk.user_code)
    return kiosk, browser


def test_a_code_that_was_approved_is_worth_nothing_to_another_kiosk(house: House) -> None:
    kiosk, _ = approved(house)
    other = add_kiosk(house, "other")

    stolen = other.portal.token(grant_type=DEVICE, device_code=kiosk.device_code)

    assert stolen.get_json()["error"] == "invalid_grant"
    assert kiosk.polls().status_code == 200


@pytest.mark.parametrize("name", ["user_code", "verification_uri_complete", "device_code"])
def test_a_link_alone_lets_no_device_in(house: House, name: str) -> None:
    kiosk, browser = add_kiosk(house), password_owner(house)
    kiosk.begins()
    code = kiosk.device_code if name == "device_code" else kiosk.user_code

    browser.client.get(f"/device?user_code={code}&do=confirm")
    browser.client.get(f"/device?{name}={code}", headers={"Sec-Fetch-Site": "cross-site"})

    assert kiosk.polls().get_json()["error"] == "authorization_pending"


def test_the_answer_of_one_request_is_none_of_another(house: House) -> None:
    first, browser = add_kiosk(house), password_owner(house)
    second = Kiosk(house, first.portal)
    first.begins()
    second.begins()
    enters(browser, first.user_code)
    page = browser.path
    enters(browser, second.user_code)

    browser.post({"do": "confirm"}, page)

    assert first.polls().status_code == 200
    assert second.polls().get_json()["error"] == "authorization_pending"


def test_a_portal_without_the_grants_begins_nothing(house: House) -> None:
    plain = add_portal(house)
    kiosk, office = Kiosk(house, plain), Office(house, plain)

    assert kiosk.begins().get_json()["error"] == "unauthorized_client"
    assert office.asks().get_json()["error"] == "unauthorized_client"
