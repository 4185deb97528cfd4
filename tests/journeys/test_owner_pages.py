"""What the owner's pages say about the next step: whoever proves again, waits, or lost a way in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from idp import app as application
from idp.domain.accounts import Attribute
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.subjects import IdNumber
from idp.storage.accounts import AccountStore
from tests.journeys.test_account import SECOND, adds_phone, signed_in, signed_in_by_usb
from tests.journeys.test_identity_rows import AGENCY, ENTERPRISE, organisation
from tests.journeys.test_recovery import link, loses_phone, owns
from tests.journeys.test_totp import begins as begins_app
from tests.journeys.test_usb import certificate, opens_login, signs
from tests.support.house import PERSON, Browser, House
from tests.support.pki import pki

STILL = "Bạn vẫn đang đăng nhập"
MAILBOX = "chu.tai.khoan@example.vn"


# --- proving again ------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["password", "usb"])
def test_a_proof_that_is_too_old_is_asked_for_again_with_its_reason_and_the_way_used_last(
    house: House, by: str
) -> None:
    browser = signed_in(house) if by == "password" else signed_in_by_usb(house)
    house.clock.forward(minutes=6)

    page = browser.get("/account/methods/new")

    assert STILL in page.text
    assert ('name="password"' in page.text) is (by == "password")


def test_a_stranger_is_not_told_to_be_signed_in(house: House) -> None:
    assert STILL not in house.browser().get("/account/methods/new").text


def test_who_does_not_prove_it_again_is_back_at_the_account(house: House) -> None:
    browser = signed_in(house)
    house.clock.forward(minutes=6)
    browser.get("/account/methods/new")

    assert browser.post({"do": "cancel"}).request.path == "/account"


def test_proving_it_again_leads_to_the_page_that_was_asked_for(house: House) -> None:
    browser = signed_in(house)
    house.clock.forward(minutes=6)
    browser.get("/account/password")
    browser.types_again()

    assert browser.post({"code": house.last_code()}).request.path == "/account/password"


# --- what may be added, and what a level is -----------------------------------------------------


@pytest.mark.parametrize("kind", ["enterprise", "agency"])
def test_r10_an_organisation_is_offered_no_signing_sim(house: House, kind: str) -> None:
    browser = organisation(house, kind)

    page = browser.get("/account/methods/new")

    assert "XÁC THỰC BẰNG USB KÝ SỐ" in page.text
    assert "XÁC THỰC BẰNG SIM KÝ SỐ" not in page.text
    added = browser.post({"method": "sim"}, "/account/methods/add")
    assert added.request.path == "/account/methods"


@pytest.mark.parametrize("kind", ["enterprise", "agency"])
def test_the_level_of_an_organisation_is_explained_in_its_own_words(
    house: House, kind: str
) -> None:
    page = organisation(house, kind).get("/account/level")

    assert "đã cấp chứng thư số cho đơn vị" in page.text
    assert "Mức 2 (trung bình)" not in page.text


def test_a_way_in_that_proves_no_identity_is_no_proof_on_the_pages(house: House) -> None:
    browser = signed_in(house)
    browser.post({"code": begins_app(browser).code})

    for path in ("/account/level", "/account/data"):
        page = browser.get(path).text
        assert "mức 2" in page
        assert "mức 1" not in page


# --- the hold -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/account", "/account/methods", "/account/protection"])
def test_s23_the_hold_is_seen_where_changes_are_made_and_goes_with_its_time(
    house: House, path: str
) -> None:
    house.browser().registers()
    owns(house)
    loses_phone(house).post({"code": house.last_code()})
    house.clock.forward(minutes=2)
    browser = house.browser()
    browser.signs_in_again()

    assert "Số điện thoại nhận OTP vừa được thay" in browser.get(path).text
    house.clock.forward(days=1)
    browser.signs_in_again()
    assert "Số điện thoại nhận OTP vừa được thay" not in browser.get(path).text


# --- a notice's link ----------------------------------------------------------------------------


def test_the_page_behind_a_notice_speaks_the_language_of_the_notice(house: House) -> None:
    owner = signed_in(house)
    owner.get("/account/protection")
    owner.post({"name": "language", "to": "en"}, "/account/protection/switch")
    adds_phone(owner, SECOND)
    stranger = house.browser()

    assert "Freeze the account?" in stranger.get(link(house, "+84821234088")).text
    assert "The account is frozen" in stranger.post({"do": "confirm"}).text


def test_who_chose_a_language_in_this_browser_keeps_it_behind_a_notice(house: House) -> None:
    owner = signed_in(house)
    adds_phone(owner, SECOND)
    stranger = house.browser()
    stranger.get("/lang/en?next=/")

    assert "Freeze the account?" in stranger.get(link(house, "+84821234088")).text


# --- the mailbox --------------------------------------------------------------------------------


def with_mailbox(house: House) -> Browser:
    browser = signed_in(house)
    browser.get("/account/edit")
    browser.post({"email": MAILBOX})
    browser.post({"code": house.last_letter_code()})
    return browser


def mailbox(house: House) -> str:
    accounts = AccountStore(house.database, house.base.vault)
    found = accounts.find_by_id_number(IdNumber.parse(PERSON["username"]))
    assert found
    value = accounts.identity(found.id).find(Attribute.EMAIL)
    return value.value if value else ""


def test_an_unconfirmed_mailbox_says_that_it_gets_no_notices(house: House) -> None:
    browser = signed_in(house)
    text = "thông báo chưa được gửi đến đây"

    assert text in browser.get("/account").text
    browser.get("/account/edit")
    browser.post({"email": MAILBOX})
    browser.post({"code": house.last_letter_code()})
    assert text not in browser.get("/account").text


@pytest.mark.parametrize("kind", ["enterprise", "agency"])
def test_rule_7_an_account_that_nobody_can_tell_anything_says_so_until_it_has_a_mailbox(
    house: House, kind: str
) -> None:
    browser, text = organisation(house, kind), "bạn không được báo khi có thay đổi"
    assert text in browser.get("/account").text
    browser.get("/account/edit")
    browser.post({"email": MAILBOX})

    browser.post({"code": house.last_letter_code()})

    assert text not in browser.get("/account").text


def test_rule_7_who_has_a_phone_is_not_told_to_be_out_of_reach(house: House) -> None:
    assert "bạn không được báo" not in signed_in(house).get("/account").text


def test_a_mailbox_that_was_emptied_is_gone_and_hears_of_it_last(house: House) -> None:
    browser = with_mailbox(house)
    house.forget_messages()
    browser.get("/account/edit")

    browser.post({"email": ""})

    assert mailbox(house) == ""
    assert [m["to"] for m in house.messages() if "subject" in m] == [MAILBOX]


def test_a_form_without_a_mailbox_takes_none_away(house: House) -> None:
    browser = with_mailbox(house)
    browser.get("/account/edit")

    browser.post({"contact_address": "Số 1 phố Hàng Bài"})

    assert mailbox(house) == MAILBOX


def test_s23_during_the_hold_no_mailbox_is_taken_away(house: House) -> None:
    with_mailbox(house)
    house.clock.forward(minutes=20)
    owns(house)
    loses_phone(house).post({"code": house.last_code()})
    house.clock.forward(minutes=2)
    browser = house.browser()
    browser.signs_in_again()
    browser.get("/account/edit")

    assert browser.post({"email": ""}).status_code == 403
    assert mailbox(house) == MAILBOX


def test_an_old_proof_takes_no_mailbox_away(house: House) -> None:
    browser = with_mailbox(house)
    browser.get("/account/edit")
    house.clock.forward(minutes=6)

    browser.post({"email": ""})

    assert mailbox(house) == MAILBOX


def test_r37_an_enterprise_keeps_a_mailbox(house: House) -> None:
    browser = organisation(house, "enterprise")
    browser.get("/account/edit")

    page = browser.post({"email": ""})

    assert page.status_code == 422
    assert "Bạn phải nhập email" in page.text
    assert "donvi@example.vn" in browser.get("/account").text


def test_of_many_removals_of_a_mailbox_at_once_it_is_told_once(house: House) -> None:
    browser = with_mailbox(house)
    browser.get("/account/edit")
    form = {"csrf": browser._csrf(), "email": "", "do": "confirm"}
    house.forget_messages()

    def remove(_: int) -> int:
        return browser.client.post("/account/edit", data=form).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(remove, range(4)))

    assert statuses == {303}
    assert [m["to"] for m in house.messages() if "subject" in m] == [MAILBOX]


# --- sessions and data --------------------------------------------------------------------------


def test_the_other_sessions_are_signed_out_and_this_one_stays(house: House) -> None:
    other = signed_in(house)
    browser = house.browser()
    browser.signs_in_again()
    browser.get("/account/sessions")

    page = browser.post({"others": "others"}, "/account/sessions/end")

    assert page.request.path == "/account/sessions"
    assert "/login/" in other.get("/account").request.path


def test_a_single_session_has_no_others_to_sign_out(house: House) -> None:
    assert "Đăng xuất các phiên khác" not in signed_in(house).get("/account/sessions").text


def test_the_download_holds_who_vouched_the_settings_and_the_history(house: House) -> None:
    browser = signed_in(house)

    found = browser.get("/account/data.json").get_json()

    [name] = [fact for fact in found["facts"] if fact["name"] == "full_name"]
    assert "nhà mạng" in name["vouched_by"]
    assert name["since"]
    assert found["settings"]["has_password"] is True
    assert [line["event"] for line in found["history"]][-2:] == [
        "login.succeeded",
        "account.opened",
    ]


# --- organisations come back from a freeze ------------------------------------------------------

NUMBERS = {"enterprise": "0100109106", "agency": "000.00.17.G22"}


def frozen_organisation(house: House, kind: str) -> None:
    browser = organisation(house, kind)
    browser.get("/account/freeze")
    browser.post({"do": "confirm"})


def at_the_counter(house: House, number: str, code: str) -> Browser:
    browser = house.browser()
    browser.get("/forgot?way=counter")
    browser.post({"username": number, "recovery_code": code, "captcha": "12345"})
    return browser


@pytest.mark.parametrize("kind", ["enterprise", "agency"])
def test_a_frozen_organisation_comes_back_with_a_code_of_the_counter_and_its_signature(
    house: House, kind: str
) -> None:
    frozen_organisation(house, kind)
    code = application.issue_recovery(house.base, NUMBERS[kind], "quay-01")

    browser = at_the_counter(house, NUMBERS[kind], code)
    assert "không cần mật khẩu" in browser.text
    assert "Tài khoản đã được mở lại" in browser.post({"do": "confirm"}).text

    ca = pki().newtel if kind == "enterprise" else pki().government
    again = house.browser()
    opens_login(again)
    signs(again, certificate(ENTERPRISE if kind == "enterprise" else AGENCY, ca=ca))
    assert again.get("/account").request.path == "/account"


def test_a_code_of_the_counter_opens_an_organisation_once(house: House) -> None:
    frozen_organisation(house, "enterprise")
    code = application.issue_recovery(house.base, NUMBERS["enterprise"], "quay-01")
    both = [at_the_counter(house, NUMBERS["enterprise"], code) for _ in range(2)]
    house.forget_messages()

    def reopen(browser: Browser) -> int:
        form = {"csrf": browser._csrf(), "do": "confirm"}
        return browser.client.post(browser.path, data=form).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(reopen, both))

    assert statuses == [303, 409]


@pytest.mark.parametrize("number", ["0100109107", "000.00.17.G23", "9" * 400, "G22\x00"])
def test_a_counter_gives_no_code_for_a_number_without_an_organisation(
    house: House, number: str
) -> None:
    frozen_organisation(house, "enterprise")

    with pytest.raises((InvalidInput, Conflict)):
        application.issue_recovery(house.base, number, "quay-01")


@pytest.mark.parametrize("number", [*NUMBERS.values(), "079199000001", "x", "' OR 1=1 --"])
def test_a_wrong_code_of_the_counter_opens_no_organisation(house: House, number: str) -> None:
    frozen_organisation(house, "enterprise")
    application.issue_recovery(house.base, NUMBERS["enterprise"], "quay-01")

    page = at_the_counter(house, number, "AAAA-AAAA-AAAA")

    assert 'aria-invalid="true"' in page.text
    assert "Mở lại tài khoản" not in page.text


def test_a_forgotten_password_is_not_asked_for_by_a_tax_code(house: House) -> None:
    browser = house.browser()
    browser.get("/forgot")

    page = browser.post({"username": NUMBERS["enterprise"], "captcha": "12345"})

    assert page.status_code == 422


def test_somebody_with_a_phone_sets_a_password_with_a_code_of_the_counter(house: House) -> None:
    house.browser().registers()
    code = application.issue_recovery(house.base, PERSON["username"], "quay-01")

    page = at_the_counter(house, PERSON["username"], code)

    assert "Đặt mật khẩu mới" in page.text
