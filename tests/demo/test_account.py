"""The account belongs to its owner: every page and button of issue 4, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.demo.conftest import PASSWORD, Demo, accessible
from tests.demo.owner import agent_of, opens_account, signs_in

pytestmark = pytest.mark.xdist_group("demo")
# No word of it is a name: the demo invents people, and nobody may be in their own password.
NEW = "Xe-Buýt-1902-Số-Bảy"


class Citizen:
    """Somebody with an account, at their browser."""

    def __init__(self, demo: Demo, page: Page, person: dict[str, Any] | None = None) -> None:
        self.demo, self.page, self.password = demo, page, PASSWORD
        self.person: dict[str, Any] = person or demo.person()
        self._visitor = opens_account(demo, self.person, **agent_of(page))

    def messages(self, to: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = httpx.get(
            f"{self.demo.sandbox}/sms", params={"to": to}, headers={"Accept": "application/json"}
        ).json()
        return found

    def letters(self, to: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = httpx.get(
            f"{self.demo.sandbox}/mail", params={"to": to}, headers={"Accept": "application/json"}
        ).json()
        return found

    def newest(self, to: str, what: str) -> str:
        """The newest message to a phone or mailbox with ``what`` in it, waited for."""
        for _ in range(300):
            inbox = self.letters(to) if "@" in to else self.messages(to)
            found = [each["text"] for each in inbox if what in each["text"]]
            if found:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no message with {what!r} came to {to}")

    def code(self, to: str, what: str) -> str:
        found = re.search(r" (\d{6})", self.newest(to, what))
        assert found
        return found[1]

    def sign_in_codes(self, to: str) -> list[str]:
        """Newest first. A gateway may deliver one twice, and notices speak of signing in too."""
        texts = [each["text"] for each in self.messages(to)]
        return [code[1] for text in texts if (code := re.search(r"đăng nhập là (\d{6})", text))]

    def press(self) -> None:
        self.page.locator("main button.primary").click()
        accessible(self.page)

    def types_code(self, code: str) -> None:
        self.page.locator("[autocomplete=one-time-code]").fill(code)
        self.press()

    def signs_in(self, phone: str = "") -> None:
        page, to = self.page, phone or self.person["phone"]
        before = self.sign_in_codes(to)
        page.goto(f"{self.demo.issuer}/login")
        page.get_by_label("Tên đăng nhập").fill(self.person["id_number"])
        page.locator("[autocomplete=current-password]").fill(self.password)
        self.press()
        if page.locator("[name=captcha]").count():
            page.locator("[autocomplete=current-password]").fill(self.password)
            page.locator("[name=captcha]").fill("12345")
            self.press()
        for _ in range(300):
            new = [code for code in self.sign_in_codes(to) if code not in before]
            if new:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(page.inner_text("main"))
        self.types_code(new[0])
        assert page.url.endswith("/account"), page.url

    def enters(self) -> None:
        """Sign in for the first time, as ``signs_in`` does and without its pages."""
        signs_in(self.page, self._visitor)

    def opens(self, path: str) -> str:
        self.page.goto(f"{self.demo.issuer}{path}")
        accessible(self.page)
        return self.page.inner_text("main")


@pytest.fixture
def citizen(demo: Demo, chromium: Browser) -> Iterator[Citizen]:
    context = chromium.new_context(locale="vi-VN")
    page = context.new_page()
    page.set_default_timeout(20_000)
    found = Citizen(demo, page)
    found.enters()
    yield found
    context.close()


def test_identity_is_shown_and_contact_details_are_edited(citizen: Citizen) -> None:
    page = citizen.page
    shown = citizen.opens("/account")
    for row in ("Họ tên", "Nơi sinh", "Quê quán", "Địa chỉ thường trú", "Đã xác minh"):
        assert row in shown, row

    page.get_by_role("button", name="Sửa").click()
    accessible(page)
    page.get_by_label("Email").fill("nguoi.moi@example.vn")
    page.get_by_label("Địa chỉ liên hệ").fill("Số 1 phố Hàng Bài")
    citizen.press()
    citizen.types_code(citizen.code("nguoi.moi@example.vn", "Mã xác nhận"))

    shown = page.inner_text("main")
    assert "nguoi.moi@example.vn" in shown
    assert "Số 1 phố Hàng Bài" in shown
    assert "/not-me/" in citizen.newest("nguoi.moi@example.vn", "đã xác nhận địa chỉ email")


def test_a_number_is_added_preferred_and_deleted(citizen: Citizen) -> None:
    page, second = citizen.page, "0987001002"
    citizen.opens("/account/methods")
    page.get_by_role("button", name="Thêm mới").click()
    assert "CHỌN PHƯƠNG THỨC XÁC THỰC" in page.inner_text("h1")
    accessible(page)
    page.get_by_role("button", name="XÁC THỰC BẰNG TIN NHẮN SMS").click()
    page.get_by_label("Số điện thoại").fill(second)
    citizen.press()
    assert "Kiểm tra điện thoại để nhận mã OTP!" in page.inner_text("main")
    citizen.types_code(citizen.code(second, "thêm số điện thoại"))
    assert f"Xác thực bằng tin nhắn SMS {second}" in page.inner_text("main")
    assert "đã thêm số 098****002" in citizen.newest(citizen.person["phone"], "đã thêm số")

    page.get_by_role("button", name="Đặt làm mặc định").click()
    accessible(page)
    row = page.locator("li", has_text=second)
    assert "Mặc định" in row.inner_text()
    page.locator("li", has_text=citizen.person["phone"]).get_by_role("button", name="Xóa").click()

    assert citizen.person["phone"] not in page.inner_text("main")
    citizen.signs_in(second)


def test_the_sixth_number_is_refused_before_a_code_is_sent(citizen: Citizen) -> None:
    page = citizen.page
    for last in range(6):
        number = f"098700200{last}"
        citizen.opens("/account/methods/new")
        page.get_by_role("button", name="XÁC THỰC BẰNG TIN NHẮN SMS").click()
        page.get_by_label("Số điện thoại").fill(number)
        citizen.press()
        if last < 4:
            citizen.types_code(citizen.code(number, "thêm số điện thoại"))

    assert "tối đa 5 số điện thoại" in page.inner_text("main")
    assert citizen.messages("0987002005") == []


def test_the_password_is_changed(citizen: Citizen) -> None:
    page = citizen.page
    citizen.opens("/account/methods")
    page.get_by_role("button", name="Sửa").click()
    accessible(page)
    assert f"Tài khoản: {citizen.person['full_name']}" in page.inner_text("main")
    page.get_by_label("Mật khẩu hiện tại").fill(PASSWORD)
    page.get_by_label("Mật khẩu mới").fill(NEW)
    page.get_by_label("Xác nhận mật khẩu").fill(NEW)
    page.get_by_role("button", name="ĐỔI MẬT KHẨU").click()
    accessible(page)

    citizen.password = NEW
    citizen.signs_in()


def test_sessions_history_and_portals_are_seen_and_ended(citizen: Citizen) -> None:
    page = citizen.page
    page.goto(f"http://localhost:{citizen.demo.base + 201}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("button", name="Tiếp tục").click()
    shown = citizen.opens("/account/sessions")
    for text in ("Phiên đang đăng nhập", "Chrom", "Cổng dịch vụ công Hà Nội"):
        assert text in shown, text
    shown = citizen.opens("/account/history")
    for text in ("Lịch sử truy cập", "Mật khẩu và mã OTP", "mức 2", "Mở tài khoản"):
        assert text in shown, text
    assert "OK" in citizen.demo.idp("audit", "verify").stdout
    assert '"event":"login.succeeded"' in citizen.demo.idp("audit", "export").stdout
    with page.expect_download() as download:
        page.get_by_role("link", name="Tải về tệp CSV").click()
    assert download.value.suggested_filename == "history.csv"
    citizen.opens("/account/portals")

    page.get_by_role("button", name="Thu hồi").click()

    assert "Chưa có cổng nào" in page.inner_text("main")
    citizen.opens("/account/sessions")
    page.get_by_role("button", name="Đăng xuất tất cả").click()
    page.goto(f"{citizen.demo.issuer}/account")
    assert "/login/" in page.url


def test_a_notice_on_the_phone_freezes_and_a_new_password_brings_it_back(
    citizen: Citizen, chromium: Browser
) -> None:
    page, phone = citizen.page, citizen.person["phone"]
    citizen.opens("/account/protection")
    page.get_by_role("button", name="Tắt hỏi trước").click()
    accessible(page)
    link = re.search(r"http\S+/not-me/\S+", citizen.newest(phone, "cài đặt bảo vệ"))
    assert link
    elsewhere = chromium.new_context(locale="vi-VN").new_page()
    elsewhere.goto(link[0])
    accessible(elsewhere)
    elsewhere.get_by_role("button", name="Khóa tài khoản").click()
    accessible(elsewhere)
    assert "Tài khoản đã được khóa" in elsewhere.inner_text("h1")
    page.goto(f"{citizen.demo.issuer}/account")
    assert "/login/" in page.url

    elsewhere.get_by_role("link", name="Lấy lại tài khoản").click()
    accessible(elsewhere)
    elsewhere.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    elsewhere.locator("[name=captcha]").fill("12345")
    elsewhere.locator("main button.primary").click()
    accessible(elsewhere)
    elsewhere.locator("[autocomplete=one-time-code]").fill(citizen.code(phone, "đặt lại"))
    elsewhere.locator("main button.primary").click()
    accessible(elsewhere)
    elsewhere.get_by_label("Mật khẩu mới").fill(NEW)
    elsewhere.get_by_label("Xác nhận mật khẩu").fill(NEW)
    elsewhere.locator("main button.primary").click()
    accessible(elsewhere)
    citizen.password = NEW
    citizen.signs_in()


def test_a_lost_phone_is_replaced_after_the_carrier_knows_the_new_one(
    demo: Demo, chromium: Browser
) -> None:
    two = demo.somebody(kind="citizen", phones=[{"carrier": "viettel"}, {"carrier": "viettel"}])
    old, new = (phone["number"] for phone in two["phones"])
    page = chromium.new_context(locale="vi-VN").new_page()
    page.set_default_timeout(10_000)
    owner = Citizen(demo, page, {**two, "phone": old})
    page.goto(f"{demo.issuer}/login")
    page.get_by_label("Tên đăng nhập").fill(two["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()

    page.get_by_role("link", name="Mất số điện thoại nhận OTP").click()
    accessible(page)
    assert "Nhập số điện thoại nhận OTP mới" in page.inner_text("h1")
    page.get_by_label("Số điện thoại").fill(new)
    page.locator("[name=captcha]").fill("12345")
    page.get_by_role("button", name="Đăng ký").click()
    accessible(page)
    page.locator("[autocomplete=one-time-code]").fill(demo.code(new, 1))
    page.get_by_role("button", name=re.compile("xác nhận", re.IGNORECASE)).click()
    accessible(page)

    assert "Đã đổi số điện thoại nhận OTP" in page.inner_text("h1")
    page.get_by_role("link", name="Đăng nhập").click()
    assert page.locator("[autocomplete=current-password]").count() == 1
    owner.signs_in(new)
    shown = page.inner_text("main").replace(" ", "")
    assert new in shown, "the row Số điện thoại followed"
    assert old not in shown


def test_who_lost_the_phone_freezes_by_mail_and_its_finder_gets_no_code(
    citizen: Citizen, demo: Demo, chromium: Browser
) -> None:
    page, phone, mailbox = citizen.page, citizen.person["phone"], "mat.may@example.vn"
    citizen.opens("/account/edit")
    page.get_by_label("Email").fill(mailbox)
    citizen.press()
    citizen.types_code(citizen.code(mailbox, "Mã xác nhận"))
    elsewhere = Citizen.__new__(Citizen)
    elsewhere.demo, elsewhere.person = demo, citizen.person
    elsewhere.page = chromium.new_context(locale="vi-VN").new_page()

    elsewhere.opens("/login")
    elsewhere.page.get_by_role("link", name="Khóa tài khoản").click()
    accessible(elsewhere.page)
    elsewhere.page.get_by_role("link", name="Tôi không nhớ mật khẩu").click()
    elsewhere.page.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    elsewhere.page.get_by_label("Số điện thoại hoặc email đã xác nhận").fill(mailbox)
    elsewhere.page.locator("[name=captcha]").fill("12345")
    elsewhere.press()
    elsewhere.types_code(citizen.code(mailbox, "Mã khóa tài khoản"))
    elsewhere.page.get_by_role("checkbox").check()
    elsewhere.press()
    assert "Tài khoản đã được khóa" in elsewhere.page.inner_text("h1")
    page.goto(f"{demo.issuer}/account")
    assert "/login/" in page.url

    citizen.newest(phone, "tài khoản đã bị khóa")
    elsewhere.opens("/forgot")
    elsewhere.page.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    elsewhere.page.locator("[name=captcha]").fill("12345")
    elsewhere.press()
    assert "mã xác thực đã được gửi" in elsewhere.page.inner_text("main")
    assert not [each for each in citizen.messages(phone) if "đặt lại" in each["text"]]


def test_every_account_page_is_complete_in_english(citizen: Citizen) -> None:
    page = citizen.page
    page.goto(f"{citizen.demo.issuer}/lang/en?next=/account")
    for path, title in (
        ("/account", "Personal information"),
        ("/account/edit", "Edit contact details"),
        ("/account/methods", "Authentication methods"),
        ("/account/methods/new", "CHOOSE A SIGN-IN METHOD"),
        ("/account/password", "Set a new password"),
        ("/account/sessions", "Sign-in activity"),
        ("/account/history", "Sign-in activity"),
        ("/account/portals", "Sign-in activity"),
        ("/account/protection", "Protection and data"),
        ("/account/data", "My data"),
        ("/account/close", "Close the account"),
        ("/account/level", "Why this level?"),
        ("/account/freeze", "Freeze the account?"),
        ("/forgot", "Forgot password"),
    ):
        citizen.opens(path)
        assert page.inner_text("h1") == title, path


def test_a_counter_gives_a_code_on_the_command_line(citizen: Citizen, chromium: Browser) -> None:
    issued = citizen.demo.idp(
        "recovery", "issue", citizen.person["id_number"], "--operator", "quay-01"
    )
    assert issued.returncode == 0, issued.stderr
    page = chromium.new_context(locale="vi-VN").new_page()
    page.goto(f"{citizen.demo.issuer}/forgot")
    page.get_by_role("link", name="Tôi có mã của quầy giao dịch").click()
    page.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    page.get_by_label("Mã của quầy giao dịch").fill(issued.stdout.strip())
    page.locator("[name=captcha]").fill("12345")
    page.locator("main button.primary").click()
    accessible(page)
    page.get_by_label("Mật khẩu mới").fill(NEW)
    page.get_by_label("Xác nhận mật khẩu").fill(NEW)
    page.locator("main button.primary").click()

    assert "Đã đặt mật khẩu mới" in page.inner_text("h1")
    unknown = citizen.demo.idp("recovery", "issue", "001300000001", "--operator", "quay-01")
    assert unknown.returncode == 1
    assert "Traceback" not in unknown.stderr
