"""Khóa tài khoản by somebody who cannot sign in, phones reported lost, and the attacks on both."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from idp.storage.models import PhoneRow
from tests.journeys.test_account import NEW, SECOND, adds_phone, signed_in
from tests.journeys.test_neutral import Work, hashes, work_of  # noqa: F401  a fixture
from tests.journeys.test_recovery import (
    STRANGER,
    asks,
    can_sign_in,
    counter_code,
    link,
    loses_phone,
    owns,
    plain,
    resets,
    uses_counter_code,
)
from tests.support.house import PASSWORD, PERSON, Browser, House

MAILBOX = "an@example.vn"


def wants(house: House, way: str = "password", **form: str) -> Browser:
    """Fills in the first page."""
    browser = house.browser()
    browser.get(f"/freeze?way={way}")
    browser.post({"username": PERSON["username"], "captcha": "12345", **form})
    return browser


def phone_ids(house: House) -> dict[bool, str]:
    """The ids of the phones, by whether they are the default."""
    with house.database.transaction() as connection:
        rows = connection.execute(select(PhoneRow.id, PhoneRow.is_default)).all()
    return {row.is_default: row.id.hex for row in rows}


def freezes(house: House, *, lost: str = "") -> Browser:
    browser = wants(house, password=PASSWORD)
    browser.post({"do": "confirm", **({"lost": lost} if lost else {})})
    assert "Tài khoản đã được khóa" in browser.text
    return browser


def sent(house: House) -> list[str]:
    return [message["to"] for message in house.messages() if "to" in message]


# --- who may ------------------------------------------------------------------------------------


def test_the_password_alone_freezes_and_ends_every_session(house: House) -> None:
    owner = signed_in(house)

    freezes(house)

    assert "/login/" in owner.get("/account").request.path
    assert not can_sign_in(house, PASSWORD)


def test_another_phone_of_the_account_freezes_without_a_password(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    house.forget_messages()
    browser = wants(house, "channel", channel=SECOND)
    assert sent(house) == ["+84912345678"]

    browser.post({"code": house.last_code()})
    browser.post({"do": "confirm"})

    assert "Tài khoản đã được khóa" in browser.text


def test_the_confirmed_mailbox_freezes_without_a_password(house: House) -> None:
    owner = signed_in(house)
    owner.get("/account/edit")
    owner.post({"email": MAILBOX})
    owner.post({"code": house.last_letter_code()})
    house.forget_messages()
    browser = wants(house, "channel", channel=MAILBOX.upper())
    [letter] = house.messages()
    assert letter["to"] == MAILBOX
    assert "Mã khóa tài khoản" in letter["text"]
    code = re.search(r" (\d{6})", letter["text"])
    assert code

    browser.post({"code": code[1]})
    browser.post({"do": "confirm"})

    assert "Tài khoản đã được khóa" in browser.text


@pytest.mark.parametrize("channel", ["0987654321", "ai-khac@example.vn"])
def test_a_channel_that_is_not_the_accounts_gets_no_code(house: House, channel: str) -> None:
    house.browser().registers()
    house.forget_messages()

    browser = wants(house, "channel", channel=channel)

    assert sent(house) == []
    assert "mã xác thực đã được gửi đến đó" in browser.text


def test_a_mailbox_that_was_only_declared_gets_no_code(house: House) -> None:
    house.browser().registers(email=MAILBOX)
    house.forget_messages()

    wants(house, "channel", channel=MAILBOX)

    assert sent(house) == []


def test_a_wrong_password_freezes_nothing_and_is_counted_with_those_of_the_sign_in(
    house: House,
) -> None:
    house.browser().registers()
    for _ in range(12):
        browser = wants(house, password="Sai-Mật-Khẩu-9")
        house.clock.forward(seconds=65)

    assert "quá nhiều lần" in browser.text
    assert can_sign_in(house, PASSWORD) is False, "one counter, for this network"
    assert "Tài khoản đang bị khóa" not in browser.text


def test_a_code_of_the_sign_in_is_none_of_this(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    login = house.browser()
    login.get("/login")
    login.types_again()
    code = house.last_code()
    browser = wants(house, "channel", channel=SECOND)

    browser.post({"code": code})

    assert "Mã OTP không đúng" in browser.text


def test_nothing_is_frozen_before_the_question_was_answered(house: House) -> None:
    house.browser().registers()

    browser = wants(house, password=PASSWORD)

    assert "082****088" in browser.text
    assert can_sign_in(house, PASSWORD)


def test_a_post_that_skips_the_proof_freezes_nothing(house: House) -> None:
    house.browser().registers()
    for way, form in (("password", {"password": "x"}), ("channel", {"channel": "0987654321"})):
        browser = wants(house, way, **form)
        browser.post({"do": "confirm", "account": "x", "step": "choose"})

    assert can_sign_in(house, PASSWORD)


def test_a_captcha_guards_both_forms(house: House) -> None:
    house.browser().registers()
    for way, form in (("password", {"password": PASSWORD}), ("channel", {"channel": SECOND})):
        browser = wants(house, way, captcha="00000", **form)
        assert browser.page
        assert browser.page.status_code == 422

    assert can_sign_in(house, PASSWORD)


def test_the_journey_is_one_browsers(house: House) -> None:
    house.browser().registers()
    path = wants(house, password=PASSWORD).path

    assert house.browser().client.get(path).status_code == 410


@pytest.mark.parametrize("username", ["", "x", "9" * 5000, "<script>", "0" * 40])
@pytest.mark.parametrize("channel", ["", "x@", "@", "+1 212 555 0100", "a" * 5000])
def test_hostile_forms_are_faults(house: House, username: str, channel: str) -> None:
    browser = wants(house, "channel", username=username, channel=channel)

    assert browser.page
    assert browser.page.status_code == 422


@pytest.mark.parametrize("lost", ["x", "0" * 32, "'", "9" * 5000])
def test_hostile_phones_are_nobodys(house: House, lost: str) -> None:
    house.browser().registers()

    freezes(house, lost=lost)

    assert "Đã đặt mật khẩu mới" in resets(asks(house)).text


# --- neutral answers ----------------------------------------------------------------------------


def test_known_and_unknown_numbers_see_the_same_pages_and_cost_the_same(
    house: House,
    hashes: list[str],  # noqa: F811  the fixture
) -> None:
    adds_phone(signed_in(house), SECOND)
    house.clock.forward(minutes=20)

    known = walked(house, hashes, PERSON["username"])
    unknown = walked(house, hashes, STRANGER)

    assert known == unknown


def walked(house: House, hashes: list[str], number: str) -> tuple[list[Work], list[str]]:  # noqa: F811
    """Both ways up to where a stranger gets: what it cost, and what was seen."""
    browsers: list[Browser] = []

    def asks_for(way: str, **form: str) -> Work:
        def act() -> None:
            browsers.append(wants(house, way, username=number, **form))

        return work_of(house, hashes, act)

    done = [
        asks_for("password", password="Sai-Mật-Khẩu-9"),
        asks_for("channel", channel=SECOND),
        work_of(house, hashes, lambda: browsers[-1].post({"code": "000000"})),
    ]
    house.clock.forward(seconds=61)
    done.append(work_of(house, hashes, lambda: browsers[-1].post({"do": "resend"})))
    return done, [plain(each.text).replace(number, "") for each in browsers]


def test_wishes_to_freeze_are_counted_known_or_not_and_apart_from_recoveries(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    for number in (PERSON["username"], STRANGER):
        for _ in range(5):
            wants(house, "channel", username=number, channel="0987654321")
        again = wants(house, "channel", username=number, channel="0987654321")
        assert "quá nhiều lần" in again.text

    assert "mã xác thực đã được gửi" in asks(house).text


# --- phones that are gone -----------------------------------------------------------------------


def test_a_phone_reported_lost_gets_no_code_that_resets_the_password(house: House) -> None:
    house.browser().registers()
    freezes(house, lost=phone_ids(house)[True])
    house.forget_messages()

    thief = asks(house)

    assert sent(house) == []
    assert "mã xác thực đã được gửi" in thief.text


def test_another_phone_brings_the_account_back(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    freezes(house, lost=phone_ids(house)[True])
    house.forget_messages()

    browser = asks(house)

    assert sent(house) == ["+84912345678"]
    assert "Đã đặt mật khẩu mới" in resets(browser).text
    assert can_sign_in(house, NEW)


def test_a_reset_that_is_on_its_way_to_a_phone_ends_when_it_is_reported_lost(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    thief = asks(house)
    thief.post({"code": house.last_code()})
    freezes(house, lost=phone_ids(house)[True])

    page = thief.post({"password": NEW, "password_again": NEW})

    assert "Đã đặt mật khẩu mới" not in page.text
    assert not can_sign_in(house, NEW)


def test_the_link_of_a_notice_reports_a_phone_lost_as_well(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    finder = house.browser()
    finder.get(link(house, "+84912345678"))
    finder.post({"do": "confirm", "lost": phone_ids(house)[True]})
    house.forget_messages()

    asks(house)

    assert sent(house) == ["+84912345678"]


def test_a_lost_phone_hears_of_the_freeze_and_of_nothing_after_it(house: House) -> None:
    house.browser().registers()
    lost = "+84821234088"
    house.forget_messages()
    freezes(house, lost=phone_ids(house)[True])
    assert sent(house) == [lost]
    house.forget_messages()
    uses_counter_code(house, counter_code(house)).post({"password": NEW, "password_again": NEW})
    assert sent(house) == []
    owns(house)
    browser = house.browser()
    browser.get("/login")
    browser.types_again(NEW)
    browser.get(browser.path + "/lost-phone")
    browser.post({"phone": SECOND, "captcha": "12345"})
    house.clock.forward(seconds=1)

    browser.post({"code": house.last_code()})

    assert "Đã đổi số điện thoại nhận OTP" in browser.text
    told = [m["to"] for m in house.messages() if "/not-me/" in m.get("text", "")]
    assert set(told) == {"+84912345678"}


def test_messages_on_a_lost_phone_freeze_nothing_once_a_counter_has_seen_the_card(
    house: House,
) -> None:
    house.browser().registers()
    freezes(house, lost=phone_ids(house)[True])
    old = link(house, "+84821234088")
    house.clock.forward(seconds=2)
    uses_counter_code(house, counter_code(house)).post({"password": NEW, "password_again": NEW})

    assert house.browser().client.get(old).status_code == 404


def test_the_notice_of_a_counters_reset_still_freezes(house: House) -> None:
    house.browser().registers()
    house.clock.forward(seconds=2)
    uses_counter_code(house, counter_code(house)).post({"password": NEW, "password_again": NEW})
    finder = house.browser()
    finder.get(link(house, "+84821234088"))

    finder.post({"do": "confirm"})

    assert "Tài khoản đã được khóa" in finder.text


def test_a_phone_found_again_resets_again(house: House) -> None:
    house.browser().registers()
    freezes(house, lost=phone_ids(house)[True])
    uses_counter_code(house, counter_code(house)).post({"password": NEW, "password_again": NEW})
    owner = house.browser()
    owner.get("/login")
    owner.types_again(NEW)
    owner.post({"code": house.last_code()})
    assert "Đã báo mất" in owner.get("/account/methods").text

    owner.post({"found": phone_ids(house)[True]}, "/account/methods/phone")

    assert "Đã báo mất" not in owner.get("/account/methods").text
    assert "Đã đặt mật khẩu mới" in resets(asks(house), "Cầu-Long-Biên-1902").text


def test_of_many_freezes_at_once_one_is_told(house: House) -> None:
    house.browser().registers()
    browsers = [wants(house, password=PASSWORD) for _ in range(4)]
    posts = [(b.client, b.path, {"csrf": b._csrf(), "do": "confirm"}) for b in browsers]
    house.forget_messages()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda p: p[0].post(p[1], data=p[2]).status_code, posts))

    assert set(done) == {303}
    assert len(sent(house)) == 1


def test_a_lost_phone_report_does_not_help_the_lost_phone_path(house: House) -> None:
    """Whoever has the phone and the old password finds the account frozen."""
    house.browser().registers()
    owns(house)
    thief = loses_phone(house)
    code = house.last_code()
    freezes(house, lost=phone_ids(house)[True])

    thief.post({"code": code})

    assert "Đã đổi số điện thoại nhận OTP" not in thief.text
