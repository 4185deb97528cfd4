"""BHXH and Vietnam Post in the demo: the sandbox's registries over the wire, a real browser."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import PASSWORD, Demo, accessible

NO_MATCH = (
    "Thông tin không khớp với dữ liệu của cơ quan Bảo hiểm xã hội. Không đăng ký được tài khoản."
)
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


def opens(demo: Demo, page: Page, method: str) -> None:
    page.goto(f"{demo.issuer}/register")
    page.get_by_role("button", name=method).click()


def asks_by_insurance(page: Page, person: dict[str, str], **changes: str) -> None:
    """The form of the social insurance, sent."""
    fields = {
        "Tên đăng nhập (Số CMT/CCCD)": person["id_number"],
        "Mã bảo hiểm xã hội": person["bhxh_code"],
        "Họ tên": person["full_name"],
        "Ngày sinh": person["birth_date"],
        "Số điện thoại": person["phone"],
        **changes,
    }
    for label, value in fields.items():
        page.get_by_label(label).fill(value)
    passes_captcha(page)


def passes_captcha(page: Page) -> None:
    """A person who has typed one is not asked again."""
    if page.locator("[name=captcha]").count():
        page.locator("[name=captcha]").fill("12345")
    page.locator("main button.primary").click()


def activates(page: Page, person: dict[str, str], code: str) -> None:
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_label("Mã kích hoạt").fill(code)
    passes_captcha(page)


def issues(demo: Demo, person: dict[str, str]) -> str:
    issued = demo.tell("/vnpost/issue", person=person["id_number"])
    assert issued.status_code == 201, issued.text
    return str(issued.json()["activation_code"])


def a_week_goes_by(demo: Demo) -> None:
    """For the slips that were issued until now."""
    with closing(sqlite3.connect(demo.data / "idp.sqlite", timeout=20)) as base, base:
        base.execute("UPDATE activations SET expires_at = expires_at - 8 * 86400000")


def test_a_citizen_registers_by_insurance_code_after_every_refusal(demo: Demo, page: Page) -> None:
    """A record that differs, a registry that is down or answers garbage: nothing typed is lost."""
    person = demo.person()
    opens(demo, page, "Bảo hiểm xã hội")
    accessible(page)
    asks_by_insurance(page, person, **{"Họ tên": "Người Khác Hẳn"})
    expect(page.get_by_role("alert")).to_contain_text(NO_MATCH)
    for mode in ("garbage", "down"):
        demo.tell("/faults", system="bhxh", mode=mode, seconds=60)
        try:
            asks_by_insurance(page, person)
            expect(page.get_by_text("tạm thời không phản hồi")).to_be_visible()
        finally:
            httpx.delete(f"{demo.sandbox}/faults")
        assert page.get_by_label("Mã bảo hiểm xã hội").input_value() == person["bhxh_code"]
        expect(page.get_by_role("link", name="Chọn phương thức đăng ký khác")).to_be_visible()
    accessible(page)
    asks_by_insurance(page, person, **{"Mã bảo hiểm xã hội": f"DN401{person['bhxh_code']}"})

    finishes(demo, page, person["phone"], 1)


def test_a_citizen_activates_what_a_post_office_issued(demo: Demo, page: Page) -> None:
    person = demo.person()
    code = issues(demo, person)
    opens(demo, page, "Bưu điện Việt Nam")
    accessible(page)
    activates(page, person, code)

    finishes(demo, page, person["phone"], 2)


def test_an_expired_slip_and_an_older_one_half_way_are_told_and_the_newest_counts(
    demo: Demo, page: Page
) -> None:
    person = demo.person()
    expired = issues(demo, person)
    a_week_goes_by(demo)
    opens(demo, page, "Bưu điện Việt Nam")
    activates(page, person, expired)
    expect(page.get_by_role("alert")).to_contain_text("Mã kích hoạt này đã hết hạn")
    assert page.get_by_label("Mã kích hoạt").input_value() == expired
    activates(page, person, issues(demo, person))
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 3))
    page.get_by_role("button", name="XÁC NHẬN").click()
    newest = issues(demo, person)
    page.get_by_label("Nhập mật khẩu").fill(PASSWORD)
    page.get_by_label("Xác nhận mật khẩu").fill(PASSWORD)
    page.locator("main button.primary").click()

    expect(page.get_by_role("alert")).to_contain_text("thay bằng một mã mới hơn")
    accessible(page)
    activates(page, person, newest)
    finishes(demo, page, person["phone"], 5)
