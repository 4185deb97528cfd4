"""A person signs out everywhere, and both portals hear of it: real processes, real wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.demo.conftest import PASSWORD, Demo, accessible
from tests.demo.owner import opens_account

pytestmark = pytest.mark.xdist_group("demo")
HANOI, BOYTE = "Cổng dịch vụ công Hà Nội", "Cổng dịch vụ công Bộ Y tế"
REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"


def heard(demo: Demo, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{demo.sandbox}/portal-events").json()
    return [each for each in found if each["type"] == kind]


def within(seconds: float, is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.1)
    return False


def both(demo: Demo, kind: str, event: str = "") -> Callable[[], bool]:
    def check() -> bool:
        found = heard(demo, kind)
        names = {each["portal"] for each in found if not event or event in each["claims"]["events"]}
        return names == {HANOI, BOYTE}

    return check


def signs_in_at_both(demo: Demo, page: Page) -> None:
    person = demo.person()
    opens_account(demo, person)
    page.goto(f"http://localhost:{demo.base + 201}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_label("Tên đăng nhập").fill(person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 2))
    page.locator("main button.primary").click()
    page.get_by_role("button", name="Tiếp tục").click()
    page.wait_for_url(f"http://localhost:{demo.base + 201}/**")
    page.goto(f"http://localhost:{demo.base + 202}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("button", name="Tiếp tục").click()
    page.wait_for_url(f"http://localhost:{demo.base + 202}/**")


def test_signing_out_everywhere_reaches_both_portals_within_five_seconds(
    demo: Demo, chromium: Browser
) -> None:
    context = chromium.new_context(locale="vi-VN")
    page = context.new_page()
    page.set_default_timeout(15_000)
    signs_in_at_both(demo, page)

    page.goto(f"http://localhost:{demo.base + 201}")
    page.get_by_role("link", name="Đăng xuất").click()
    page.get_by_role("button", name="Đăng xuất tất cả").click()

    assert within(5, both(demo, "logout_token"))
    assert within(5, both(demo, "frontchannel_logout"))
    assert within(5, both(demo, "security_event", REVOKED))
    page.wait_for_url(f"http://localhost:{demo.base + 201}/")
    assert "Xin chào" not in page.inner_text("body")
    page.goto(f"http://localhost:{demo.base + 202}")
    assert "Xin chào" not in page.inner_text("body")
    page.get_by_role("link", name="Sự kiện đã nhận").click()
    assert "session-revoked" in page.inner_text("main")
    accessible(page)
    context.close()


def test_without_javascript_the_person_goes_on_by_the_link(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(locale="vi-VN", java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(15_000)
    signs_in_at_both(demo, page)

    page.goto(f"http://localhost:{demo.base + 202}/logout")
    page.get_by_role("button", name="Đăng xuất tất cả").click()
    page.get_by_role("link", name="Tiếp tục", exact=True).click()

    page.wait_for_url(f"http://localhost:{demo.base + 202}/")
    assert "Xin chào" not in page.inner_text("body")
    context.close()
