"""Passkeys and authenticator apps in the demo: a real browser with an authenticator of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import PASSWORD, Demo, accessible
from tests.demo.test_account import Citizen

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def citizen(demo: Demo, chromium: Browser) -> Iterator[Citizen]:
    context = chromium.new_context(locale="vi-VN")
    page = context.new_page()
    page.set_default_timeout(15_000)
    found = Citizen(demo, page)
    found.enters()
    yield found
    context.close()


def plugs_in_authenticator(page: Page, **options: Any) -> None:
    """Chromium's own (WebDriver BiDi has none yet): it makes keys and verifies its user."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    described = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        **options,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": described})


def adds_passkey(citizen: Citizen) -> None:
    citizen.opens("/account/methods/new")
    citizen.page.get_by_role("button", name="XÁC THỰC BẰNG KHÓA TRUY CẬP").click()


def test_a_passkey_is_added_and_signs_in_at_a_portal(citizen: Citizen) -> None:
    page = citizen.page
    plugs_in_authenticator(page)
    adds_passkey(citizen)
    expect(page.get_by_text("Đã lưu")).to_be_visible()
    accessible(page)
    assert "Khóa truy cập (passkey)" in page.inner_text("main")
    assert "đã thêm" in citizen.newest(citizen.person["phone"], "Khóa truy cập")

    page.context.clear_cookies()
    page.goto(f"http://localhost:{citizen.demo.base + 201}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("link", name="Khóa truy cập").click()
    accessible(page)
    page.get_by_role("button", name="ĐĂNG NHẬP", exact=True).click()
    page.get_by_role("button", name="Tiếp tục").click()

    expect(page.get_by_text("ial2").first).to_be_visible()
    assert "hwk" in page.inner_text("body")


def test_the_same_authenticator_is_not_added_twice(citizen: Citizen) -> None:
    page = citizen.page
    plugs_in_authenticator(page)
    adds_passkey(citizen)
    expect(page.get_by_text("Đã lưu")).to_be_visible()

    adds_passkey(citizen)

    expect(page.get_by_text("Thiết bị này đã có khóa truy cập trong tài khoản.")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Hủy").click()
    assert page.url.endswith("/account/methods")


def test_a_device_without_a_passkey_is_told_so(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(locale="vi-VN")
    page = context.new_page()
    plugs_in_authenticator(page)
    page.goto(f"{demo.issuer}/login")
    page.get_by_role("link", name="Khóa truy cập").click()
    page.get_by_role("button", name="ĐĂNG NHẬP", exact=True).click()

    told = page.get_by_text("Bạn đã hủy hoặc thiết bị không có khóa truy cập cho trang này.")

    expect(told).to_be_visible(timeout=20_000)
    accessible(page)
    context.close()


def test_an_authenticator_app_is_scanned_and_signs_in(citizen: Citizen) -> None:
    page = citizen.page
    citizen.opens("/account/methods/new")
    page.get_by_role("button", name="XÁC THỰC BẰNG ỨNG DỤNG XÁC THỰC").click()
    accessible(page)
    assert page.locator("img.scan").evaluate("image => image.naturalWidth") > 100
    secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page.inner_text("main"))
    assert secret
    app = pyotp.TOTP(secret[0].replace(" ", ""))
    first = app.now()
    page.get_by_label("Mã của ứng dụng xác thực").fill(first)
    citizen.press()
    assert "Ứng dụng xác thực" in page.inner_text("main")

    page.context.clear_cookies()
    page.goto(f"{citizen.demo.issuer}/login")
    page.get_by_role("link", name="Ứng dụng xác thực").click()
    accessible(page)
    for _ in range(400):
        # The code that enrolled the app has served: the app shows the next one soon.
        if app.now() != first:
            break
        time.sleep(0.1)
    page.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.get_by_label("Mã của ứng dụng xác thực").fill(app.now())
    citizen.press()

    assert page.url.endswith("/account")
    assert "Ứng dụng xác thực" in citizen.opens("/account/history")
