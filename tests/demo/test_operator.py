"""The operators' console in the demo: the door, a slip, and the citizen who activates it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from idp import seed
from tests.demo.conftest import PASSWORD, Demo, accessible

pytestmark = pytest.mark.xdist_group("demo")
PHONE = "0981234599"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="vi-VN", viewport={"width": 1280, "height": 900})
    found = context.new_page()
    found.set_default_timeout(15_000)
    yield found
    context.close()


def received(demo: Demo) -> int:
    answer = httpx.get(
        f"{demo.sandbox}/sms", params={"to": PHONE}, headers={"Accept": "application/json"}
    )
    return len(answer.json())


def settled(demo: Demo) -> int:
    """How many messages came before ours: the notices of the roles, at the start."""
    for _ in range(300):
        if received(demo) >= 4:
            break
        time.sleep(0.1)
    return received(demo)


def test_a_clerk_issues_an_account_on_a_slip(demo: Demo, page: Page) -> None:
    person, before = demo.person(), settled(demo)
    page.goto(f"{demo.issuer}/operator")
    page.get_by_label("Tên đăng nhập").fill(str(seed.OPERATOR["id_number"]))
    page.get_by_label("Mật khẩu", exact=True).fill(seed.PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(PHONE, before + 1))
    page.get_by_role("button", name="XÁC NHẬN").click()
    expect(page.get_by_role("heading", name="Trang nghiệp vụ")).to_be_visible()
    accessible(page)
    for link in ("Quầy giao dịch", "Khiếu nại", "Gán mã đơn vị", "Cấp tài khoản tại bưu điện"):
        page.get_by_role("navigation").get_by_role("link", name=link).click()
        accessible(page)
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_role("button", name="Tìm").click()
    page.get_by_label("Họ tên").fill(person["full_name"])
    page.get_by_label("Ngày sinh").fill(person["birth_date"])
    page.get_by_label("Giới tính").select_option(person["sex"])
    page.get_by_label("Số điện thoại").fill(person["phone"])
    page.get_by_label("Cách đưa mã kích hoạt").select_option("slip")
    page.get_by_label("Tôi đã đối chiếu thẻ").check()
    page.get_by_label("Người dân đã nghe đọc").check()
    accessible(page)
    page.get_by_role("button", name="Cấp mã kích hoạt").click()
    expect(page.get_by_role("button", name="In phiếu")).to_be_visible()
    accessible(page)
    code = page.locator("#code").inner_text()
    page.get_by_role("button", name="Xong").click()

    page.goto(f"{demo.issuer}/register")
    page.get_by_role("button", name="Bưu điện Việt Nam").click()
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_label("Mã kích hoạt").fill(code)
    page.locator("[name=captcha]").fill("12345")
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 1))
    page.get_by_role("button", name="XÁC NHẬN").click()
    page.get_by_label("Nhập mật khẩu").fill(PASSWORD)
    page.get_by_label("Xác nhận mật khẩu").fill(PASSWORD)
    page.locator("main button.primary").click()

    expect(page.get_by_text("Đăng ký thành công")).to_be_visible()
