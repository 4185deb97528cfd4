"""BHXH and Vietnam Post in the demo: the sandbox's registries over the wire, a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import PASSWORD, Demo, accessible

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(
        locale="vi-VN", viewport={"width": 320, "height": 800}, color_scheme="dark"
    )
    found = context.new_page()
    found.set_default_timeout(15_000)
    yield found
    context.close()


def finishes(demo: Demo, page: Page, phone: str, count: int) -> None:
    page.locator("[autocomplete=one-time-code]").fill(demo.code(phone, count))
    page.get_by_role("button", name="XÁC NHẬN").click()
    page.get_by_label("Nhập mật khẩu").fill(PASSWORD)
    page.get_by_label("Xác nhận mật khẩu").fill(PASSWORD)
    page.locator("main button.primary").click()
    expect(page.get_by_text("Đăng ký thành công")).to_be_visible()


def test_a_citizen_registers_by_insurance_code(demo: Demo, page: Page) -> None:
    person = demo.person()
    page.goto(f"{demo.issuer}/register")
    page.get_by_role("button", name="Bảo hiểm xã hội").click()
    accessible(page)
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_label("Mã bảo hiểm xã hội").fill(person["bhxh_code"])
    page.get_by_label("Họ tên").fill(person["full_name"])
    page.get_by_label("Ngày sinh").fill(person["birth_date"])
    page.get_by_label("Số điện thoại").fill(person["phone"])
    page.locator("[name=captcha]").fill("12345")
    page.locator("main button.primary").click()

    finishes(demo, page, person["phone"], 1)


def test_a_citizen_activates_what_a_post_office_issued(demo: Demo, page: Page) -> None:
    person = demo.person()
    issued = demo.tell("/vnpost/issue", person=person["id_number"])
    assert issued.status_code == 201, issued.text
    page.goto(f"{demo.issuer}/register")
    page.get_by_role("button", name="Bưu điện Việt Nam").click()
    accessible(page)
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_label("Mã kích hoạt").fill(issued.json()["activation_code"])
    page.locator("[name=captcha]").fill("12345")
    page.locator("main button.primary").click()

    finishes(demo, page, person["phone"], 2)
