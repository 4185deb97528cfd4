"""What portals hear of what happens to an account: CAEP 1.0 and RISC 1.0, from journeys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from idp.domain.assurance import IAL
from idp.domain.events import AuditEvent, Event
from idp.domain.signals import SUPPORTED, level_change, signals_of
from tests.journeys.test_recovery import link, replaces
from tests.support.build import NOW
from tests.support.house import (
    PASSWORD,
    PERSON,
    Browser,
    House,
    answer_of,
)
from tests.support.portals import MemoryWeb, build_courier
from tests.support.receivers import CAEP, RISC, Receiver, add_receiver

NEW = "Cầu-Long-Biên-1902"


@pytest.fixture
def browser(house: House) -> Browser:
    return house.browser()


@pytest.fixture
def receiver(house: House, browser: Browser) -> Receiver:
    """A portal with a stream for everything, and a person who is signed in there."""
    found = add_receiver(house, backchannel_logout_uri="https://hanoi.example.vn/bcl")
    browser.registers()
    assert found.portal
    browser.signs_in_at(found.portal.request(scope="openid profile phone email identity"))
    return found


@pytest.fixture
def stream(receiver: Receiver) -> dict[str, Any]:
    return receiver.creates(*SUPPORTED)


def redeems(receiver: Receiver, browser: Browser) -> None:
    """The portal gets its tokens for the sign-in that the browser just made."""
    assert receiver.portal
    assert browser.page
    code = answer_of(browser.page)["code"]
    assert receiver.portal.redeems(code).status_code == 200


def event_of(claims: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    [(kind, event)] = claims["events"].items()
    return kind, event


def test_caep_3_1_a_session_that_ends_is_revoked_at_the_portals(
    house: House, browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    redeems(receiver, browser)
    browser.visit("/logout")
    browser.send({"do": "all"})

    [claims] = receiver.hears(stream)

    kind, event = event_of(claims)
    assert kind == f"{CAEP}session-revoked"
    assert event["initiating_entity"] == "user"
    assert event["reason_admin"]["en"]
    assert event["event_timestamp"] == int(house.clock().timestamp())
    assert claims["sub_id"]["format"] == "complex"
    assert claims["sub_id"]["session"]["id"]
    web = MemoryWeb()
    build_courier(house, web).deliver()
    assert len(web.posts) == 1


def test_caep_3_3_a_password_change_is_a_credential_change(
    browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    browser.get("/account/password")
    browser.post({"current_password": PASSWORD, "password": NEW, "password_again": NEW})

    [claims] = receiver.hears(stream)

    kind, event = event_of(claims)
    assert kind == f"{CAEP}credential-change"
    assert (event["credential_type"], event["change_type"]) == ("password", "update")
    assert event["reason_admin"]["en"]
    assert claims["sub_id"]["format"] == "iss_sub"


def test_caep_3_2_new_values_go_only_to_who_may_see_them(
    house: House, browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    stranger = add_receiver(house, "boyte")
    assert stranger.portal
    browser.visit(stranger.portal.request(scope="openid profile"))
    browser.send({"do": "confirm"})
    other = stranger.creates(*SUPPORTED)
    browser.get("/account/edit")
    browser.post({"phone": "0912345678", "contact_address": ""})

    heard = [event_of(claims) for claims in receiver.hears(stream)]

    assert [kind for kind, _ in heard] == [
        f"{CAEP}token-claims-change",
        f"{RISC}identifier-changed",
    ]
    assert heard[0][1]["claims"] == {
        "phone_number": "+84912345678",
        "phone_number_verified": False,
    }
    assert heard[1][1] == {"new-value": "+84912345678"}
    assert stranger.hears(other) == []


def test_risc_2_5_the_subject_of_identifier_changed_is_the_old_number(
    browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    browser.get("/account/edit")
    browser.post({"phone": "0912345678", "contact_address": ""})

    [_, moved] = receiver.hears(stream)

    assert moved["sub_id"] == {"format": "phone_number", "phone_number": "+84821234088"}


def test_risc_2_5_a_lost_number_that_portals_call_is_changed_there_and_changed_back(
    house: House, receiver: Receiver, stream: dict[str, Any]
) -> None:
    replaces(house)
    told = [event_of(claims) for claims in receiver.hears(stream)]
    finder = house.browser()
    finder.get(link(house, "+84821234088"))
    finder.post({"do": "confirm"})

    undone = [event_of(claims) for claims in receiver.hears(stream)]

    moved = {"phone_number": "+84912345678", "phone_number_verified": True}
    assert (f"{RISC}identifier-changed", {"new-value": "+84912345678"}) in told
    assert moved in [event.get("claims") for _, event in told]
    assert (f"{RISC}identifier-changed", {"new-value": "+84821234088"}) in undone


def test_risc_2_3_whoever_says_it_was_not_them_disables_the_account(
    browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    redeems(receiver, browser)
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})

    heard = dict(map(event_of, receiver.hears(stream)))

    assert heard[f"{RISC}account-disabled"] == {"reason": "hijacking"}
    assert heard[f"{RISC}credential-compromise"]["credential_type"] == "password"
    assert f"{CAEP}session-revoked" in heard


def test_risc_2_2_a_closed_account_is_purged_and_its_sub_is_the_known_one(
    house: House, browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    browser.get("/account/close")
    browser.post({"do": "close"})
    before = receiver.hears(stream)
    house.clock.forward(days=7, seconds=1)
    house.app.extensions["idp.house"].account.close_due(now=house.clock())
    receiver.renews()

    kinds = receiver.hears_types(stream)

    assert before == []
    assert f"{RISC}account-purged" in kinds


def test_a_withdrawn_consent_is_told_to_that_portal_and_is_the_last_it_hears(
    browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    redeems(receiver, browser)
    browser.get("/account/portals")
    browser.post({"portal": "hanoi"}, path="/account/portals/revoke")
    browser.get("/account/password")
    browser.post({"current_password": PASSWORD, "password": NEW, "password_again": NEW})

    assert receiver.hears_types(stream) == [f"{CAEP}session-revoked"]


def test_no_event_holds_personal_data_in_the_database(
    house: House, browser: Browser, receiver: Receiver, stream: dict[str, Any]
) -> None:
    browser.get("/account/edit")
    browser.post({"phone": "0912345678", "contact_address": ""})

    with house.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT details FROM signals").scalars().all()

    assert rows
    assert receiver.hears(stream)
    for secret in ("912345678", "821234088", PERSON["full_name"], PERSON["email"]):
        assert not any(secret in row for row in rows)


# --- the mapping ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "details", "kinds"),
    [
        (Event.CREDENTIAL_ADDED, {"method": "usb"}, ["credential-change"]),
        (Event.CREDENTIAL_RENEWED, {"method": "sim"}, ["credential-change"]),
        (Event.CREDENTIAL_REMOVED, {"method": "passkey"}, ["credential-change"]),
        (Event.PASSWORD_CHANGED, {}, ["credential-change"]),
        (Event.PASSWORD_RESET, {}, ["credential-change", "recovery-activated"]),
        (Event.PHONE_ADDED, {}, ["credential-change", "recovery-information-changed"]),
        (Event.PHONE_REMOVED, {}, ["credential-change", "recovery-information-changed"]),
        (Event.PHONE_REPLACED, {}, ["credential-change", "recovery-information-changed"]),
        (Event.EMAIL_CONFIRMED, {}, ["token-claims-change"]),
        (Event.IDENTITY_RENEWED, {}, ["token-claims-change"]),
        (Event.AGENCY_CHANGED, {"what": "full_name"}, ["token-claims-change"]),
        (Event.CONTACT_CHANGED, {"what": "contact_address"}, []),
        (Event.ACCOUNT_FROZEN, {"reason": "operator"}, ["account-disabled"]),
        (Event.ACCOUNT_THAWED, {}, ["account-enabled"]),
        (Event.ACCOUNT_CLOSED, {}, ["account-purged"]),
        (Event.LOGIN_SUCCEEDED, {}, []),
        (Event.SESSION_ENDED, {}, []),
    ],
)
def test_a_line_of_history_makes_these_events(
    event: Event, details: dict[str, str], kinds: list[str]
) -> None:
    found = signals_of(AuditEvent(event, NOW, UUID(int=1), details=details))

    assert [signal.type.rpartition("/")[2] for signal in found] == kinds


def test_a_certificate_that_its_ca_revoked_is_revoked_by_the_system() -> None:
    details = {"method": "usb", "reason": "revoked"}

    [signal] = signals_of(AuditEvent(Event.CREDENTIAL_REMOVED, NOW, UUID(int=1), details=details))

    assert signal.details["credential_type"] == "usb"  # the method says what that is to CAEP
    assert (signal.details["change_type"], signal.details["initiating_entity"]) == (
        "revoke",
        "system",
    )


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [(IAL.MEDIUM, IAL.HIGH, "increase"), (IAL.HIGH, IAL.MEDIUM, "decrease")],
)
def test_caep_3_4_a_level_that_moves_says_from_where(
    before: IAL, after: IAL, direction: str
) -> None:
    details = level_change(before, after).details

    assert details["namespace"] == "ial"
    assert (details["previous_level"], details["current_level"]) == (before.acr, after.acr)
    assert details["change_direction"] == direction
