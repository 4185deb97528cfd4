"""Quên mật khẩu and Mất số điện thoại (R47-R50, S3, S23), and the attacks on both."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from idp import app as application
from idp.domain.accounts import Attribute
from idp.domain.errors import Conflict
from idp.domain.subjects import IdNumber
from tests.journeys.test_account import NEW, SECOND, adds_phone, signed_in
from tests.journeys.test_usb import TAB, certificate, registers, signs
from tests.support.house import PASSWORD, PERSON, Browser, House, add_portal

STRANGER = "079199000001"
NAME, BIRTH = PERSON["full_name"], PERSON["birth_date"]


def asks(house: House, username: str = PERSON["username"], **more: str) -> Browser:
    browser = house.browser()
    browser.get("/forgot")
    browser.post({"username": username, "captcha": "12345", **more})
    return browser


def resets(browser: Browser, password: str = NEW) -> TestResponse:
    browser.post({"code": browser.house.last_code()})
    return browser.post({"password": password, "password_again": password})


def can_sign_in(house: House, password: str) -> bool:
    browser = house.browser()
    browser.get("/login")
    browser.types_again(password)
    return "Xác thực mã OTP" in browser.text


def plain(text: str) -> str:
    """A page without what differs from one visit to the next."""
    return re.sub(r"[0-9a-f]{32}|value=\"[^\"]*\"|\d{2}:\d{2}:\d{2}", "", text)


# --- Quên mật khẩu ------------------------------------------------------------------------------


def test_a_forgotten_password_is_replaced(house: House) -> None:
    house.browser().registers()

    page = resets(asks(house))

    assert "Đã đặt mật khẩu mới" in page.text
    assert can_sign_in(house, NEW)
    assert not can_sign_in(house, PASSWORD)


def test_a_reset_ends_every_session_and_refresh_token(house: House) -> None:
    portal = add_portal(house)
    browser = house.browser()
    browser.registers()
    tokens = portal.signs_in_with(browser)

    resets(asks(house))

    assert "/login/" in browser.get("/account").request.path
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"


def test_a_session_opened_during_the_reset_ends_with_it(house: House) -> None:
    house.browser().registers()
    asking = asks(house)
    asking.post({"code": house.last_code()})
    thief = house.browser()
    thief.signs_in_again()

    asking.post({"password": NEW, "password_again": NEW})

    assert "/login/" in thief.get("/account").request.path


def test_known_and_unknown_numbers_see_the_same_pages(house: House) -> None:
    house.browser().registers()
    known, unknown = asks(house), asks(house, STRANGER)
    assert plain(known.text) == plain(unknown.text).replace(STRANGER, PERSON["username"])
    known.post({"code": "000000"})
    unknown.post({"code": "000000"})
    assert plain(known.text) == plain(unknown.text)
    for browser in (known, unknown):
        browser.post({"do": "resend"})
    assert plain(known.text) == plain(unknown.text)


def test_an_unknown_number_gets_no_message(house: House) -> None:
    asks(house, STRANGER)

    assert [message for message in house.messages() if "to" in message] == []


def test_another_phone_of_the_account_may_get_the_code(house: House) -> None:
    adds_phone(signed_in(house), SECOND)
    house.forget_messages()

    browser = asks(house, phone=SECOND)

    assert [m for m in house.messages() if "to" in m][-1]["to"] == "+84912345678"
    assert "Đã đặt mật khẩu mới" in resets(browser).text


def test_a_phone_of_somebody_else_gets_nothing(house: House) -> None:
    house.browser().registers()
    house.forget_messages()

    asks(house, phone=SECOND)

    assert [message for message in house.messages() if "to" in message] == []


def test_who_has_a_certificate_signs_instead_of_a_code(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=71))
    house.forget_messages()

    asking = asks(house)

    assert [message for message in house.messages() if "to" in message] == []
    assert "đăng nhập bằng USB hoặc SIM ký số" in asking.text


def test_a_code_of_one_purpose_is_no_code_of_another(house: House) -> None:
    house.browser().registers()
    login = house.browser()
    login.get("/login")
    login.types_again()
    code_of_login = house.last_code()
    house.forget_messages()
    asking = asks(house)
    code_of_reset = house.last_code()

    asking.post({"code": code_of_login})
    login.post({"code": code_of_reset})

    assert "Mã OTP không đúng" in asking.text
    assert "Mã OTP không đúng" in login.text


def test_of_many_parallel_guesses_at_a_reset_none_is_compared_past_five(house: House) -> None:
    house.browser().registers()
    asking = asks(house)
    right, csrf, path = house.last_code(), asking._csrf(), asking.path
    wrong = [f"{int(right) + step:06d}"[-6:] for step in range(1, 31)]

    with ThreadPoolExecutor(12) as pool:
        done = pool.map(
            lambda code: asking.client.post(path, data={"csrf": csrf, "code": code}), wrong
        )
        assert {answer.status_code for answer in done} == {422}

    asking.get(path)
    assert "Đặt mật khẩu mới" not in asking.post({"code": right}).text


def test_of_many_parallel_resets_one_counts(house: House) -> None:
    house.browser().registers()
    asking = asks(house)
    asking.post({"code": house.last_code()})
    csrf, path = asking._csrf(), asking.path
    house.forget_messages()

    def choose(number: int) -> int:
        password = f"{NEW}-{number}"
        form = {"csrf": csrf, "password": password, "password_again": password}
        return asking.client.post(path, data=form).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(choose, range(8)))

    assert set(statuses) <= {303, 409}
    told = [message for message in house.messages() if "đặt lại" in message.get("text", "")]
    assert len(told) == 1


def test_recoveries_of_one_number_are_counted_known_or_not(house: House) -> None:
    house.browser().registers()
    for username in (PERSON["username"], STRANGER):
        for _ in range(5):
            asks(house, username)

        assert "quá nhiều lần" in asks(house, username).text


def test_a_captcha_guards_the_form(house: House) -> None:
    house.browser().registers()
    house.forget_messages()

    browser = asks(house, captcha="00000")

    assert browser.page
    assert browser.page.status_code == 422
    assert [message for message in house.messages() if "to" in message] == []


@pytest.mark.parametrize("username", ["", "x", "9" * 5000, "<script>", "00107200013６"])
@pytest.mark.parametrize("phone", ["", "x", "+1 212 555 0100"])
def test_hostile_forms_are_faults(house: House, username: str, phone: str) -> None:
    browser = asks(house, username, phone=phone)

    assert browser.page
    assert browser.page.status_code < 500


def test_a_password_that_breaks_the_rule_is_refused_at_the_reset(house: House) -> None:
    house.browser().registers()

    page = resets(asks(house), "12345678")

    assert page.status_code == 422
    assert "Mật khẩu cần 8 ký tự trở lên" in page.text


# --- the counter --------------------------------------------------------------------------------


def counter_code(house: House, number: str = PERSON["username"]) -> str:
    return application.issue_recovery(house.base, number, "op-17")


def uses_counter_code(house: House, code: str, username: str = PERSON["username"]) -> Browser:
    browser = house.browser()
    browser.get("/forgot?way=counter")
    browser.post({"username": username, "recovery_code": code, "captcha": "12345"})
    return browser


def test_a_counter_that_has_seen_the_card_gives_a_one_time_code(house: House) -> None:
    house.browser().registers()
    code = counter_code(house)

    browser = uses_counter_code(house, code.lower().replace("-", " "))
    page = browser.post({"password": NEW, "password_again": NEW})

    assert "Đã đặt mật khẩu mới" in page.text
    assert can_sign_in(house, NEW)
    assert "không đúng, đã dùng" in uses_counter_code(house, code).text


def test_the_owner_hears_of_a_counter_code(house: House) -> None:
    house.browser().registers()
    house.forget_messages()

    counter_code(house)

    assert "quầy giao dịch đã cấp mã" in house.messages()[-1]["text"]


def test_a_counter_code_is_for_one_number_and_dies(house: House) -> None:
    house.browser().registers()
    code = counter_code(house)
    assert "không đúng, đã dùng" in uses_counter_code(house, code, STRANGER).text

    house.clock.forward(days=4)

    assert "không đúng, đã dùng" in uses_counter_code(house, code).text


def test_a_newer_counter_code_voids_the_older(house: House) -> None:
    house.browser().registers()
    older, newer = counter_code(house), counter_code(house)

    assert "không đúng, đã dùng" in uses_counter_code(house, older).text
    assert "Đặt mật khẩu mới" in uses_counter_code(house, newer).text


def test_of_two_uses_of_a_counter_code_at_once_one_counts(house: House) -> None:
    house.browser().registers()
    code = counter_code(house)
    browsers = [uses_counter_code(house, code) for _ in range(2)]
    posts = [(b.client, b.path, b._csrf()) for b in browsers]

    def choose(at: int) -> int:
        client, path, csrf = posts[at]
        password = f"{NEW}-{at}"
        form = {"csrf": csrf, "password": password, "password_again": password}
        return client.post(path, data=form).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(choose, range(2))) == [303, 409]


def test_a_counter_code_that_somebody_else_used_leads_back_to_the_form(house: House) -> None:
    house.browser().registers()
    code = counter_code(house)
    first, second = uses_counter_code(house, code), uses_counter_code(house, code)
    first.post({"password": NEW, "password_again": NEW})

    assert second.post({"password": PASSWORD, "password_again": PASSWORD}).status_code == 409

    assert "Đã đặt mật khẩu mới" not in second.get(second.path).text


def test_no_counter_code_for_a_number_without_an_account(house: House) -> None:
    with pytest.raises(Conflict):
        counter_code(house, STRANGER)


# --- Mất số điện thoại nhận OTP -----------------------------------------------------------------


def loses_phone(house: House, new: str = SECOND) -> Browser:
    browser = house.browser()
    browser.get("/login")
    browser.types_again()
    browser.get(browser.path + "/lost-phone")
    browser.post({"phone": new, "captcha": "12345"})
    return browser


def owns(house: House, number: str = SECOND, **changes: str) -> None:
    person = {"name": NAME, "birth_date": BIRTH, **changes}
    house.carrier.add(number, "001072000136", "012345678", **person)


def replaces(house: House) -> Browser:
    """The phone of PERSON, who registers first if they have not yet."""
    if not house.app.extensions["idp.house"].accounts.has_any([IdNumber.parse(PERSON["username"])]):
        house.browser().registers()
    owns(house)
    browser = loses_phone(house)
    browser.post({"code": house.last_code()})
    assert "Đã đổi số điện thoại nhận OTP" in browser.text
    return browser


def test_a_lost_number_is_replaced_and_the_new_one_gets_the_codes(house: House) -> None:
    replaces(house)
    browser = house.browser()
    browser.get("/login")

    browser.types_again()

    assert "091****678" in browser.text
    assert browser.post({"code": house.last_code()}).request.path == "/account"


def contact_phone(house: House) -> str:
    """The row ``Số điện thoại``, and what portals are told."""
    accounts = house.app.extensions["idp.house"].accounts
    found = accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    fact = accounts.identity(found.id).find(Attribute.CONTACT_PHONE)
    return f"{fact.value} {fact.source}" if fact else ""


def declares(house: House, phone: str) -> None:
    browser = house.browser()
    browser.signs_in_again()
    browser.get("/account/edit")
    browser.post({"phone": phone})


def test_the_contact_phone_follows_a_lost_number_that_it_was(house: House) -> None:
    replaces(house)

    assert contact_phone(house) == "+84912345678 carrier:vinaphone"


def test_another_contact_phone_stays_when_a_number_is_lost(house: House) -> None:
    house.browser().registers()
    declares(house, "0987654321")
    owns(house)

    loses_phone(house).post({"code": house.last_code()})

    assert contact_phone(house) == "+84987654321 self"


def test_without_a_contact_phone_a_lost_number_gives_none(house: House) -> None:
    house.browser().registers()
    declares(house, "")
    owns(house)

    loses_phone(house).post({"code": house.last_code()})

    assert contact_phone(house) == ""


def test_the_contact_phone_comes_back_with_the_number_as_it_was_vouched_for(house: House) -> None:
    house.browser().registers()
    before = contact_phone(house)
    for number in (SECOND, "0987654321"):
        owns(house, number)
        house.clock.forward(hours=1)
        loses_phone(house, number).post({"code": house.last_code()})
    stranger = house.browser()
    stranger.get(link(house, "+84821234088"))

    stranger.post({"do": "confirm"})

    assert contact_phone(house) == before != ""


def test_a_contact_phone_typed_since_the_replacement_stays_when_that_is_undone(
    house: House,
) -> None:
    replaces(house)
    declares(house, "0987654321")
    stranger = house.browser()
    stranger.get(link(house, "+84821234088"))

    stranger.post({"do": "confirm"})

    assert contact_phone(house) == "+84987654321 self"


def test_after_the_hold_the_contact_phone_stays_the_new_one(house: House) -> None:
    replaces(house)
    path = link(house, "+84821234088")
    house.clock.forward(hours=25)
    stranger = house.browser()
    stranger.get(path)

    stranger.post({"do": "confirm"})

    assert contact_phone(house) == "+84912345678 carrier:vinaphone"


def test_the_code_goes_to_the_new_number(house: House) -> None:
    house.browser().registers()
    owns(house)

    browser = loses_phone(house)

    assert "091****678" in browser.text
    assert [m for m in house.messages() if "to" in m][-1]["to"] == "+84912345678"


def test_a_number_of_somebody_else_is_refused_with_the_way_to_the_counter(house: House) -> None:
    house.browser().registers()
    owns(house, name="Trần Văn Khác")
    browser = loses_phone(house)

    browser.post({"code": house.last_code()})

    assert "ra quầy giao dịch của nhà mạng" in browser.text
    other = house.browser()
    other.get("/login")
    other.types_again()
    assert "082****088" in other.text


def test_a_carrier_that_is_down_loses_nothing(house: House) -> None:
    house.browser().registers()
    owns(house)
    browser = loses_phone(house)
    house.carrier.is_down = True

    browser.post({"code": house.last_code()})

    assert browser.page
    assert (browser.page.status_code, browser.page.headers["Retry-After"]) == (503, "60")
    assert "tạm thời không phản hồi" in browser.text
    assert SECOND in browser.text


def test_a_carrier_that_did_not_answer_has_not_checked_the_new_number(house: House) -> None:
    house.browser().registers()
    owns(house)
    browser = loses_phone(house)
    house.carrier.is_down = True
    browser.post({"code": house.last_code()})
    limits = house.app.extensions["idp.house"].login.steps.limits

    counted = limits.throttle.peek(limits._identity, PERSON["username"], now=house.clock())

    assert "tạm thời không phản hồi" in browser.text
    assert counted.count == 1, "only the check of the registration"


def test_the_old_number_and_the_mailbox_are_told_at_once(house: House) -> None:
    replaces(house)

    told = {message["to"] for message in house.messages() if "/not-me/" in message.get("text", "")}

    assert "+84821234088" in told
    assert "+84912345678" in told


def test_one_click_on_the_old_phone_undoes_it_and_freezes(house: House) -> None:
    replaces(house)
    house.clock.forward(hours=23)
    stranger_device = house.browser()

    stranger_device.get(link(house, "+84821234088"))
    page = stranger_device.post({"do": "confirm"})

    assert "Tài khoản đã được khóa" in page.text
    asking = asks(house)
    assert [m for m in house.messages() if "to" in m][-1]["to"] == "+84821234088"
    assert "Đã đặt mật khẩu mới" in resets(asking).text
    browser = house.browser()
    browser.get("/login")
    browser.types_again(NEW)
    assert "082****088" in browser.text


def test_for_a_day_nothing_else_that_is_sensitive_changes(house: House) -> None:
    replaces(house)
    browser = house.browser()
    browser.signs_in_again()

    for path in ("/account/methods/new", "/account/password", "/account/data.json"):
        page = browser.get(path)
        assert page.status_code == 403, path
        assert "Chưa thay đổi được" in page.text
    browser.get("/account/protection")
    page = browser.post({"remove": "0" * 32}, "/account/methods/phone")
    assert page.status_code == 403

    house.clock.forward(hours=25)
    browser = house.browser()
    browser.signs_in_again()
    assert browser.get("/account/methods/new").status_code == 200


def test_during_the_hold_a_forgotten_password_gets_no_code(house: House) -> None:
    replaces(house)
    house.forget_messages()

    asks(house)

    assert [message for message in house.messages() if "to" in message] == []


def test_the_lost_phone_path_needs_the_right_password(house: House) -> None:
    house.browser().registers()
    browser = house.browser()
    browser.get("/login")
    browser.types_password(password="Sai-mật-khẩu-1")

    assert browser.get(browser.path + "/lost-phone").status_code == 410


def test_a_stolen_password_alone_replaces_no_phone(house: House) -> None:
    """The thief has the password and a phone in their own name."""
    house.browser().registers()
    house.carrier.add(SECOND, STRANGER, name="Kẻ Trộm", birth_date="05/05/1999")
    browser = loses_phone(house)

    browser.post({"code": house.last_code()})

    assert "ra quầy giao dịch của nhà mạng" in browser.text


def test_no_level_is_gained_and_nobody_is_signed_in_by_it(house: House) -> None:
    browser = replaces(house)

    assert "/login/" in browser.get("/account").request.path


def test_of_two_replacements_at_once_one_counts(house: House) -> None:
    house.browser().registers()
    posts = []
    for number in (SECOND, "0987654321"):
        owns(house, number)
        browser = loses_phone(house, number)
        posts.append((browser.client, browser.path, browser._csrf(), house.last_code()))

    def confirm(post: tuple[object, str, str, str]) -> int:
        client, path, csrf, code = post
        form = {"csrf": csrf, "code": code}
        return client.post(path, data=form).status_code  # type: ignore[attr-defined]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(confirm, posts)) == [303, 409]


def test_identity_checks_of_a_lost_phone_are_counted(house: House) -> None:
    house.browser().registers()
    house.settings_otp(per_hour=100, per_day=100)
    owns(house, name="Trần Văn Khác")
    asked = house.carrier.asked
    for _ in range(7):
        browser = loses_phone(house)
        browser.post({"code": house.last_code()})

    # Five a day over all methods, one of them spent at registration; each asks for two numbers.
    assert house.carrier.asked - asked <= 8


def test_the_same_number_is_no_new_number(house: House) -> None:
    house.browser().registers()

    assert "Hãy nhập số mới" in loses_phone(house, "0821234088").text


@pytest.mark.parametrize("phone", ["", "x", "+1 212 555 0100", "<script>", "0" * 5000])
def test_hostile_numbers_are_faults(house: House, phone: str) -> None:
    house.browser().registers()

    page = loses_phone(house, phone).page

    assert page
    assert page.status_code == 422


# --- Không phải tôi -----------------------------------------------------------------------------


def link(house: House, to: str) -> str:
    """The path of the newest notice's link to that phone."""
    found = [
        path[0]
        for message in house.messages()
        if message.get("to") == to and (path := re.search(r"/not-me/\S+", message["text"]))
    ]
    return found[-1]


def freezes(house: House) -> Browser:
    browser = signed_in(house)
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})
    assert "Tài khoản đã được khóa" in browser.text
    return browser


def test_the_button_in_the_history_freezes_and_ends_everything(house: House) -> None:
    portal = add_portal(house)
    owner, thief = house.browser(), house.browser()
    owner.registers()
    tokens = portal.signs_in_with(thief)
    owner.signs_in_again()
    assert "Không phải tôi" in owner.get("/account/history").text
    owner.get("/account/freeze")

    owner.post({"do": "confirm"})

    assert "/login/" in thief.get("/account").request.path
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert house.app.test_client().get("/userinfo", headers=headers).status_code == 401
    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"


def test_a_frozen_account_lets_nobody_in_by_password_and_sends_no_code(house: House) -> None:
    freezes(house)
    house.forget_messages()
    browser = house.browser()
    browser.get("/login")

    browser.types_again()

    assert "Tài khoản đang bị khóa" in browser.text
    assert [message for message in house.messages() if "to" in message] == []


def test_a_frozen_account_lets_nobody_in_by_certificate(house: House) -> None:
    registers(house.browser(), certificate(serial=72))
    browser = house.browser()
    browser.get("/login")
    browser.get(browser.path + TAB)
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=72))
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})
    other = house.browser()
    other.get("/login")
    other.get(other.path + TAB)
    other.post({"do": "confirm"})

    signs(other, certificate(serial=72))

    assert "Tài khoản đang bị khóa" in other.text


def test_a_code_sent_before_the_freeze_opens_nothing_after_it(house: House) -> None:
    house.browser().registers()
    late = house.browser()
    late.get("/login")
    late.types_again()
    code = house.last_code()
    owner = house.browser()
    owner.signs_in_again()
    owner.get("/account/freeze")
    owner.post({"do": "confirm"})

    page = late.post({"code": code})

    assert "Tài khoản đang bị khóa" in page.text
    assert "/login/" in late.get("/account").request.path


def test_a_frozen_account_comes_back_with_a_new_password(house: House) -> None:
    freezes(house)

    resets(asks(house))

    assert can_sign_in(house, NEW)


def test_the_link_of_a_notice_freezes_only_after_a_click_on_the_page(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)
    path = link(house, "+84821234088")
    stranger = house.browser()

    page = stranger.get(path)

    assert page.status_code == 200
    assert can_sign_in(house, PASSWORD)
    assert "/account" not in stranger.get("/account").request.path
    stranger.get(path)
    assert "Tài khoản đã được khóa" in stranger.post({"do": "confirm"}).text


def test_the_link_of_a_notice_dies_after_a_week(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)
    path = link(house, "+84821234088")
    house.clock.forward(days=7, minutes=2)

    page = house.browser().get(path)

    assert page.status_code == 404
    assert "Liên kết đã hết hạn" in page.text


@pytest.mark.parametrize("token", ["x", "0" * 50, "a" * 5000, "%00", "é", "AAAA" * 13])
def test_forged_links_freeze_nothing(house: House, token: str) -> None:
    house.browser().registers()

    assert house.browser().client.get(f"/not-me/{token}").status_code == 404


def test_a_link_of_which_one_letter_was_changed_is_no_link(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)
    path = link(house, "+84821234088")
    for at in range(8, len(path), 5):
        changed = path[:at] + ("A" if path[at] != "A" else "B") + path[at + 1 :]
        assert house.browser().client.get(changed).status_code == 404, at


def test_freezing_twice_is_once(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)
    path = link(house, "+84821234088")
    for _ in range(2):
        stranger = house.browser()
        stranger.get(path)
        stranger.post({"do": "confirm"})

    told = [m for m in house.messages() if "khóa theo yêu cầu" in m.get("text", "")]
    assert len(told) == 2  # one to each phone


def test_no_sms_sign_in_is_enforced_before_a_code_is_sent(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=73))
    browser.get("/account/protection")
    browser.post({"name": "allows_sms", "to": "off"}, "/account/protection/switch")
    house.forget_messages()
    other = house.browser()
    other.get("/login")

    other.types_again()

    assert "đã tắt đăng nhập bằng mật khẩu và SMS" in other.text
    assert [message for message in house.messages() if "to" in message] == []


def test_sms_sign_in_stays_when_nothing_else_opens_the_account(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/protection")

    page = browser.post({"name": "allows_sms", "to": "off"}, "/account/protection/switch")

    assert page.status_code == 422
    assert can_sign_in(house, PASSWORD)


def test_with_sms_sign_in_off_the_last_certificate_stays(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods")
    browser.post({"method": "usb"}, "/account/methods/add")
    browser.post({"do": "confirm"})
    signs(browser, certificate(serial=74))
    browser.get("/account/protection")
    browser.post({"name": "allows_sms", "to": "off"}, "/account/protection/switch")
    page = browser.get("/account/methods")
    found = re.search(r'name="credential" value="([0-9a-f]{32})"', page.text)
    assert found

    form = {"credential": found[1]}
    page = browser.post(form, "/account/methods/remove")

    assert "cách đăng nhập cuối cùng" in page.text


def test_a_replaced_phone_is_not_restored_after_the_hold(house: House) -> None:
    replaces(house)
    house.clock.forward(hours=25)
    browser = house.browser()
    browser.signs_in_again()
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})

    asks(house)

    assert [m for m in house.messages() if "to" in m][-1]["to"] == "+84912345678"
