"""A person acts for an enterprise in the demo: authorised, chosen, seen, revoked (B.9, rule 5)."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import Demo, accessible
from tests.demo.test_signing import opens, plugs_in, press, reader

__all__ = ["reader"]
pytestmark = pytest.mark.xdist_group("demo")

HOLDERS = ["own", "staff"]
EMPLOYER = "0100109106"
"""Whom the sandbox's certificates of staff name as their holder's employer."""


def known(demo: Demo, tax_code: str) -> dict[str, Any]:
    people = httpx.get(f"{demo.sandbox}/people", headers={"Accept": "application/json"}).json()
    return next(dict(one) for one in people if one["tax_code"] == tax_code)


def opens_page(chromium: Browser, **look: Any) -> Page:
    page = chromium.new_context(locale="vi-VN", **look).new_page()
    page.set_default_timeout(20_000)
    return page


def answers(demo: Demo, person: dict[str, Any], holder: str) -> None:
    """The person picks the certificate of that holder and types the PIN."""
    usb = person["usb"]
    picked = usb["certificates"][HOLDERS.index(holder) if len(usb["certificates"]) > 1 else 0]
    answer = demo.tell("/usb/answer", certificate=picked["serial"], pin=usb["pin"])
    assert answer.status_code == 200, answer.text


def signs_in(demo: Demo, page: Page, person: dict[str, Any], holder: str = "own") -> None:
    plugs_in(demo, person)
    page.goto(f"{demo.issuer}/login")
    page.get_by_role("link", name="Usb ký số").click()
    press(page, "ĐĂNG NHẬP")
    answers(demo, person, holder)


def opens_account(demo: Demo, page: Page, person: dict[str, Any], subject: str) -> None:
    plugs_in(demo, person)
    opens(demo, page, subject, "USB ký số")
    press(page, "ĐĂNG KÝ")
    answers(demo, person, "own")
    expect(page.get_by_text("Chào mừng bạn đến với Cổng Dịch vụ công quốc gia")).to_be_visible()
    if subject == "Doanh nghiệp":
        page.get_by_label("Email").fill("congty@example.com")
    press(page, "ĐĂNG KÝ")
    expect(page.get_by_text("Đăng ký thành công")).to_be_visible()


def test_an_authorised_person_acts_for_an_enterprise_until_it_says_no(
    demo: Demo, chromium: Browser
) -> None:
    firm = known(demo, EMPLOYER)
    certificates = [{"holder": holder} for holder in HOLDERS]
    person = demo.somebody(kind="citizen", usb={"certificates": certificates})
    owner, worker = (
        opens_page(chromium),
        opens_page(chromium, viewport={"width": 320, "height": 800}),
    )
    opens_account(demo, worker, person, "Công dân")
    opens_account(demo, owner, firm, "Doanh nghiệp")

    # Not authorised: a certificate with both numbers opens neither account.
    signs_in(demo, worker, person, holder="staff")
    expect(worker.get_by_role("alert").get_by_text("cá nhân trong doanh nghiệp")).to_be_visible()

    signs_in(demo, owner, firm)
    owner.get_by_role("link", name="Người được ủy quyền").click()
    accessible(owner)
    owner.get_by_label("Số CCCD của người được ủy quyền").fill(person["id_number"])
    owner.get_by_label("Họ tên").fill(person["full_name"])
    owner.locator("main button.primary").click()
    expect(owner.get_by_text(person["full_name"]).first).to_be_visible()
    accessible(owner)

    signs_in(demo, worker, person, holder="staff")
    expect(worker.get_by_role("heading", level=1)).to_have_text("Bạn làm việc cho ai?")
    accessible(worker)
    worker.get_by_role("button", name=firm["full_name"]).click()
    worker.wait_for_url("**/account")
    accessible(worker)
    shown = worker.inner_text("main")
    assert "Tên doanh nghiệp" in shown
    assert EMPLOYER in shown
    assert worker.get_by_role("button", name="Sửa").count() == 0
    worker.goto(f"http://localhost:{demo.base + 201}")
    worker.get_by_role("link", name="Đăng nhập").first.click()
    press(worker, "Tiếp tục")
    expect(worker.get_by_text("ial3").first).to_be_visible()
    assert firm["full_name"] in worker.inner_text("body")

    owner.goto(f"{demo.issuer}/account/history")
    assert person["full_name"] in owner.inner_text("main")
    owner.goto(f"{demo.issuer}/account/representatives")
    owner.get_by_role("button", name="Thu hồi").click()
    owner.get_by_text("Đã lưu").wait_for()
    worker.goto(f"{demo.issuer}/account")
    assert "/login/" in worker.url

    # Their own certificate still opens their own account, and no other.
    signs_in(demo, worker, person)
    worker.wait_for_url("**/account")
    assert person["id_number"] in worker.inner_text("main")
    for page in (owner, worker):
        page.context.close()
