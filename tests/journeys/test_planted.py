"""Every journey of an account with planted values: none reaches a log or stands in clear."""

from __future__ import annotations

import re

import pytest

from idp import app as application
from tests.journeys.test_account import NEW, SECOND, adds_phone, changes_password
from tests.journeys.test_activity import close_due, dump
from tests.journeys.test_identity_rows import organisation
from tests.journeys.test_owner_pages import MAILBOX as OWN_MAILBOX
from tests.journeys.test_owner_pages import at_the_counter, with_mailbox
from tests.journeys.test_passkey import adds as adds_passkey
from tests.journeys.test_passkey import enters as enters_by_passkey
from tests.journeys.test_recovery import asks, link, loses_phone, owns, resets
from tests.journeys.test_totp import begins as begins_app
from tests.journeys.test_totp import enters as enters_by_app
from tests.journeys.test_usb import certificate, signs
from tests.support.house import PASSWORD, PERSON, Browser, House, add_portal
from tests.support.passkeys import Passkey

ADDRESS, MAILBOX, FOURTH = "Số 1 phố Hàng Bài", "moi-tinh@example.vn", "0987654321"
OTHER_PASSWORD = "Hồ-Hoàn-Kiếm-1010"
FORGED, TAX_CODE = "079188000777", "0100109106"


def walks_own_pages(house: House) -> list[str]:
    """Contact details, methods, password, protection, data; answers secrets that came up."""
    browser, secrets = house.browser(), []
    browser.signs_in_again()
    browser.get("/account/edit")
    browser.post({"phone": FOURTH, "email": MAILBOX, "contact_address": ADDRESS})
    browser.post({"code": house.last_letter_code()})
    adds_phone(browser, SECOND)
    device = Passkey()
    adds_passkey(browser, device)
    secrets.append(device.name)
    app = begins_app(browser)
    browser.post({"code": app.code})
    secrets.append(app.totp.secret)
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=91))
    changes_password(browser)
    browser.get("/account/reverify")
    browser.post({"username": FORGED, "full_name": PERSON["full_name"]})
    browser.post({"username": PERSON["username"], "full_name": PERSON["full_name"]})
    for path in ("history", "history.csv", "sessions", "portals", "data", "data.json", "level"):
        browser.get(f"/account/{path}")
    house.clock.forward(seconds=30)
    assert enters_by_passkey(house.browser(), device).request.path == "/account"
    assert enters_by_app(house.browser(), app.code, password=NEW).request.path == "/account"
    return secrets


def walks_recovery(house: House) -> None:
    """A forgotten password, a lost phone, a freeze by link, the way back, a wish to close."""
    other = house.browser()
    other.get("/login")
    other.types_again("Sai-Mật-Khẩu-99")
    house.clock.forward(minutes=20)
    resets(asks(house), OTHER_PASSWORD)
    path = link(house, "+84821234088")
    stranger = house.browser()
    stranger.get(path)
    stranger.post({"do": "confirm"})
    asks(house, FORGED)


def test_no_journey_of_an_account_leaves_anything_personal_in_a_log_or_in_clear(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    portal = add_portal(house)
    tokens = portal.signs_in_with(_first(house))
    house.settings_otp(per_hour=100, per_day=100, per_ip_hour=1000)
    secrets = walks_own_pages(house)
    walks_recovery(house)
    codes = {c for m in house.messages() for c in re.findall(r"(?<!\d)\d{6}(?!\d)", m["text"])}
    links = {p for m in house.messages() for p in re.findall(r"/not-me/(\S+)", m["text"])}

    said, kept = "".join(capfd.readouterr()), dump(house)

    assert "endpoint=methods_enrol" in said
    assert len(codes) >= 5
    assert len(links) >= 2
    for planted in (
        *(PERSON["username"], PERSON["full_name"], "0821234088", "821234088", "012345678"),
        *(SECOND, "912345678", FOURTH, "987654321", "Hàng Bài", MAILBOX, PERSON["email"]),
        *(PASSWORD, NEW, OTHER_PASSWORD, "Sai-Mật-Khẩu-99", "1972-02-01", "01/02/1972", FORGED),
        *(tokens["access_token"], tokens["refresh_token"], portal.secret, *secrets, *links),
    ):
        assert planted not in said, planted
        assert planted not in kept, planted
    for code in codes:
        assert not re.search(rf"(?<![\d.]){code}(?!\d)", said), code


def test_a_lost_phone_leaves_nothing_either(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    house.browser().registers()
    owns(house)
    loses_phone(house).post({"code": house.last_code()})

    said, kept = "".join(capfd.readouterr()), dump(house)

    assert "endpoint=lost_phone" in said
    for planted in (PERSON["username"], PERSON["full_name"], SECOND, "912345678", PASSWORD):
        assert planted not in said, planted
        assert planted not in kept, planted


def test_an_organisation_and_the_counter_leave_nothing_either(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    browser = organisation(house, "enterprise")
    browser.get("/account/data.json")
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})
    code = application.issue_recovery(house.base, TAX_CODE, "quay-01")
    at_the_counter(house, TAX_CODE, code).post({"do": "confirm"})
    at_the_counter(house, FORGED, "WRNG-WRNG-WRNG")

    said, kept = "".join(capfd.readouterr()), dump(house)

    assert "endpoint=forgot_step" in said
    holder = "NGUYỄN VĂN HOÀ"
    for planted in (TAX_CODE, "donvi@example.vn", holder, FORGED, code, code.replace("-", "")):
        assert planted not in said, planted
        assert planted not in kept, planted


def test_the_end_of_an_account_leaves_nothing_either(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    browser = with_mailbox(house)
    browser.get("/account/edit")
    browser.post({"phone": FOURTH, "email": "", "contact_address": ADDRESS})
    browser.get("/account/close")
    browser.post({"do": "close"})
    house.clock.forward(days=8)
    close_due(house)

    said, kept = "".join(capfd.readouterr()), dump(house)

    assert "endpoint=close" in said
    for planted in (
        *(PERSON["username"], PERSON["full_name"], OWN_MAILBOX, FOURTH, "987654321", "Hàng Bài"),
        *("0821234088", "821234088", PASSWORD),
    ):
        assert planted not in said, planted
        assert planted not in kept, planted


def _first(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    return house.browser()
