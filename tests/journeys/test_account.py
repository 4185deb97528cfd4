"""The account pages: identity, methods, password (R57-R69, S8-S12)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import TestResponse

from idp.domain.subjects import PhoneNumber
from tests.journeys.test_usb import TAB, certificate, registers, signs
from tests.support.house import PASSWORD, PERSON, Browser, House, add_portal

SECOND, THIRD = "0912345678", "0987654321"
NEW = "Cầu-Long-Biên-1902"


def signed_in(house: House) -> Browser:
    browser = house.browser()
    browser.registers()
    browser.signs_in()
    return browser


def signed_in_by_usb(house: House, **changes: object) -> Browser:
    made = certificate(**changes)
    registers(house.browser(), made)
    browser = house.browser()
    browser.get("/login")
    browser.get(browser.path + TAB)
    browser.post({"do": "confirm"})
    signs(browser, made)
    return browser


def adds_phone(browser: Browser, number: str) -> TestResponse:
    browser.get("/account/methods/new")
    browser.post({}, "/account/methods/sms")
    browser.post({"phone": number})
    return browser.post({"code": browser.house.last_code()})


def phone_id(browser: Browser, number: str) -> str:
    page = browser.get("/account/methods").text
    row = page.split(f"SMS {number}")[1]
    found = re.search(r'name="remove" value="([0-9a-f]+)"', row)
    assert found, page
    return found[1]


# --- Thông tin định danh ------------------------------------------------------------------------


def test_every_row_of_a_citizen_is_shown_with_source_and_status(house: House) -> None:
    page = signed_in(house).get("/account").text

    for row in (
        *("Họ tên", "Giới tính", "Số CMT (9 số)", "Số CMT/CCCD (12 số)", "Ngày sinh", "Nơi sinh"),
        *("Quê quán", "Địa chỉ thường trú", "Số điện thoại", "Email", "01/02/1972", "Sửa"),
        *("Đã xác minh", "Chưa xác minh", "Người dùng khai", "nhà mạng vinaphone"),
    ):
        assert row in page, row


def test_contact_address_is_free_to_edit_and_is_declared(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/edit")

    page = browser.post({"phone": "0821234088", "contact_address": "Số 1 phố Hàng Bài"})

    assert page.request.path == "/account"
    assert "Số 1 phố Hàng Bài" in page.text
    # The phone that the carrier vouches for was not changed, so it stays verified.
    assert "Nguồn: nhà mạng vinaphone" in page.text


def test_an_edited_contact_phone_is_declared_by_the_user(house: House) -> None:
    browser = signed_in(house)
    before = browser.get("/account").text.count("Người dùng khai")
    browser.get("/account/edit")

    page = browser.post({"phone": SECOND})

    assert PhoneNumber.parse(SECOND).display in page.text
    assert page.text.count("Người dùng khai") > before


def test_a_new_mailbox_counts_once_its_code_came_back(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/edit")
    browser.post({"phone": "0821234088", "email": "moi@example.vn"})
    assert "moi@example.vn" in browser.text
    assert "moi@example.vn" not in browser.get("/account").text
    browser.get("/account/edit")
    browser.post({"phone": "0821234088", "email": "moi@example.vn"})

    page = browser.post({"code": house.last_letter_code()})

    assert "moi@example.vn" in page.text
    assert "mã gửi đến hộp thư" in page.text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("phone", "091"),
        ("phone", "<script>"),
        ("email", "a@"),
        ("email", "x" * 400 + "@example.vn"),
        ("email", "a\r\nBcc: b@example.vn@example.vn"),
        ("contact_address", "x" * 301),
    ],
)
def test_hostile_contact_details_are_faults_and_change_nothing(
    house: House, field: str, text: str
) -> None:
    browser = signed_in(house)
    browser.get("/account/edit")

    page = browser.post({"phone": "0821234088", field: text})

    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert "Lỗi:" in page.text


# --- SMS ----------------------------------------------------------------------------------------


def test_a_second_number_is_added_and_made_the_default(house: House) -> None:
    browser = signed_in(house)

    page = adds_phone(browser, SECOND)

    assert page.request.path == "/account/methods"
    assert f"Xác thực bằng tin nhắn SMS {SECOND}" in page.text
    assert "Đặt làm mặc định" in page.text
    browser.post({"default": phone_id(browser, SECOND)}, "/account/methods/phone")
    other = house.browser()
    other.get("/login")
    other.types_password()
    assert "091****678" in other.text


def test_the_default_number_goes_only_after_another_is_the_default(house: House) -> None:
    browser = signed_in(house)
    adds_phone(browser, SECOND)

    page = browser.post({"remove": phone_id(browser, "0821234088")}, "/account/methods/phone")

    assert page.status_code == 422
    assert "Hãy đặt một số khác làm mặc định" in page.text
    page = browser.post({"remove": phone_id(browser, SECOND)}, "/account/methods/phone")
    assert SECOND not in page.text


def test_the_last_number_of_an_account_with_a_password_stays(house: House) -> None:
    browser = signed_in(house)

    page = browser.post({"remove": phone_id(browser, "0821234088")}, "/account/methods/phone")

    assert page.status_code == 422
    assert "cách đăng nhập cuối cùng" in page.text


def test_a_number_is_in_an_account_once(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods/new")
    browser.post({}, "/account/methods/sms")
    house.forget_messages()

    page = browser.post({"phone": "0821234088"})

    assert "đã có trong tài khoản" in page.text
    assert house.messages() == []


def test_an_account_has_five_numbers_at_most(house: House) -> None:
    browser = signed_in(house)
    for number in ("0912000001", "0912000002", "0912000003", "0912000004"):
        adds_phone(browser, number)
    browser.get("/account/methods/new")
    browser.post({}, "/account/methods/sms")
    house.forget_messages()

    page = browser.post({"phone": "0912000005"})

    assert "tối đa 5 số điện thoại" in page.text
    assert house.messages() == [], "no code is sent in vain"


def test_of_many_parallel_additions_five_numbers_are_the_most(house: House) -> None:
    browser = signed_in(house)
    house.settings_otp(per_ip_hour=1000)
    posts = []
    for last in range(8):
        browser.get("/account/methods/new")
        browser.post({}, "/account/methods/sms")
        browser.post({"phone": f"091200000{last}"})
        posts.append((browser.path, {"csrf": browser._csrf(), "code": house.last_code()}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda post: browser.client.post(post[0], data=post[1]), posts))

    page = browser.get("/account/methods").text
    assert len(re.findall(r'name="remove" value="', page)) == 5


def test_of_many_parallel_defaults_one_number_is_the_default(house: House) -> None:
    browser = signed_in(house)
    for number in (SECOND, THIRD):
        adds_phone(browser, number)
    ids = [phone_id(browser, number) for number in ("0821234088", SECOND, THIRD)] * 3
    csrf = browser._csrf()

    with ThreadPoolExecutor(9) as pool:
        forms = [{"csrf": csrf, "default": each} for each in ids]
        done = pool.map(
            lambda form: browser.client.post("/account/methods/phone", data=form), forms
        )
        assert {answer.status_code for answer in done} <= {303, 422}

    assert browser.get("/account/methods").text.count("- Mặc định") <= 1
    assert browser.text.count("Đặt làm mặc định</button>") == 2


def test_a_network_that_asked_for_too_many_codes_is_told_that_it_is_the_network(
    house: House,
) -> None:
    browser = signed_in(house)
    house.settings_otp(per_ip_hour=2)
    browser.get("/account/methods/new")
    browser.post({}, "/account/methods/sms")

    page = browser.post({"phone": SECOND})

    assert "yêu cầu từ mạng của bạn" in page.text
    assert "Số điện thoại này đã nhận" not in page.text


def test_a_number_may_serve_two_accounts(house: House) -> None:
    house.carrier.add("0912345678", "079199000001", name="Trần Thị Bưởi", birth_date="05/05/1999")
    other = house.browser()
    other.registers(
        username="079199000001",
        full_name="Trần Thị Bưởi",
        birth_date="05/05/1999",
        phone="0912345678",
        email="",
    )
    browser = signed_in(house)

    page = adds_phone(browser, "0912345678")

    assert "Xác thực bằng tin nhắn SMS 0912345678" in page.text


def test_a_confirmation_belongs_to_the_account_that_began_it(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/methods/new")
    browser.post({}, "/account/methods/sms")
    path = browser.path

    assert house.browser().client.get(path).status_code == 303


# --- the password -------------------------------------------------------------------------------


def changes_password(browser: Browser, **changes: str) -> TestResponse:
    browser.get("/account/password")
    form = {"current_password": PASSWORD, "password": NEW, "password_again": NEW, **changes}
    return browser.post(form)


def test_the_password_is_changed_and_other_sessions_end(house: House) -> None:
    browser, other = signed_in(house), house.browser()
    other.signs_in()

    page = changes_password(browser)

    assert page.request.path == "/account/methods"
    assert "/login/" in other.get("/account").request.path
    third = house.browser()
    third.get("/login")
    third.types_password(password=NEW)
    assert "Xác thực mã OTP" in third.text


def test_refresh_tokens_of_other_sessions_end_with_the_password(house: House) -> None:
    portal = add_portal(house)
    browser, other = signed_in(house), house.browser()
    tokens = portal.signs_in_with(other)

    changes_password(browser)

    again = portal.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert again.get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"current_password": "Sai-mật-khẩu-1"}, "Mật khẩu hiện tại không đúng"),
        ({"current_password": ""}, "mật khẩu"),
        ({"password": "yếu", "password_again": "yếu"}, "Mật khẩu cần 8 ký tự trở lên"),
        ({"password_again": "Khác-hẳn-2026"}, "không giống nhau"),
        ({"password": "Hoà-001072000136", "password_again": "Hoà-001072000136"}, "Lỗi"),
    ],
)
def test_a_wrong_change_of_password_is_told_and_changes_nothing(
    house: House, changes: dict[str, str], told: str
) -> None:
    browser = signed_in(house)

    page = changes_password(browser, **changes)

    assert page.status_code == 422
    assert told in page.text
    other = house.browser()
    other.get("/login")
    other.types_password()
    assert "Xác thực mã OTP" in other.text


def test_guesses_at_the_current_password_are_counted(house: House) -> None:
    browser = signed_in(house)
    for _ in range(10):
        changes_password(browser, current_password="Sai-mật-khẩu-1")

    page = changes_password(browser)

    assert page.status_code == 422
    assert "thử quá nhiều lần" in page.text


def test_a_certificate_account_gets_a_password_once_it_has_a_number(house: House) -> None:
    browser = signed_in_by_usb(house, serial=61)
    assert "XÁC THỰC BẰNG MẬT KHẨU" not in browser.get("/account/methods/new").text
    assert "Hãy thêm số điện thoại" in browser.get("/account/password").text
    adds_phone(browser, SECOND)
    assert "XÁC THỰC BẰNG MẬT KHẨU" in browser.get("/account/methods/new").text
    browser.get("/account/password")

    page = browser.post({"password": NEW, "password_again": NEW})

    assert "Xác thực bằng mật khẩu" in page.text


def test_a_fresh_signature_stands_for_the_current_password(house: House) -> None:
    browser = signed_in_by_usb(house, serial=62)
    adds_phone(browser, SECOND)
    browser.get("/account/password")
    browser.post({"password": PASSWORD, "password_again": PASSWORD})

    page = browser.get("/account/password")

    assert "Mật khẩu hiện tại" not in page.text


# --- fresh proof --------------------------------------------------------------------------------

CHANGES = [
    ("/account/methods/sms", {}),
    ("/account/methods/phone", {"remove": "0" * 32}),
    ("/account/methods/phone", {"default": "0" * 32}),
    ("/account/methods/add", {"method": "usb"}),
    ("/account/password", {"password": NEW, "password_again": NEW}),
    ("/account/edit", {"contact_address": "x"}),
    ("/account/protection/switch", {"name": "asks_new_portals", "to": "off"}),
    ("/account/close", {"do": "close"}),
]


@pytest.mark.parametrize(("path", "form"), CHANGES)
def test_every_change_needs_a_proof_of_the_last_five_minutes(
    house: House, path: str, form: dict[str, str]
) -> None:
    browser = signed_in(house)
    browser.get("/account/protection")
    house.clock.forward(minutes=6)

    page = browser.post(form, path)

    assert 'name="password"' in page.text
    assert page.request.path.startswith("/login/")


@pytest.mark.parametrize(("path", "form"), CHANGES)
def test_no_change_is_made_for_a_stranger(house: House, path: str, form: dict[str, str]) -> None:
    browser = house.browser()
    browser.get("/login")

    assert browser.post(form, path).request.path.startswith("/login/")


@pytest.mark.parametrize("path", ["/account/methods/phone", "/account/methods/remove"])
@pytest.mark.parametrize("value", ["", "x", "0" * 32, "'" * 40, "\\0"])
def test_hostile_ids_change_nothing(house: House, path: str, value: str) -> None:
    browser = signed_in(house)
    browser.get("/account/protection")

    page = browser.post({"remove": value, "credential": value}, path)

    assert 400 <= page.status_code < 500


def test_every_change_is_told_to_all_confirmed_channels(house: House) -> None:
    browser = signed_in(house)
    browser.get("/account/edit")
    browser.post({"phone": "0821234088", "email": "hoa2@example.vn"})
    browser.post({"code": house.last_letter_code()})
    adds_phone(browser, SECOND)
    house.forget_messages()

    browser.post({"remove": phone_id(browser, SECOND)}, "/account/methods/phone")

    told = {message["to"] for message in house.messages()}
    assert told == {"+84821234088", "+84912345678", "hoa2@example.vn"}
    for message in house.messages():
        assert "/not-me/" in message["text"]
        assert PERSON["username"] not in message["text"]
        assert PERSON["full_name"] not in message["text"]
