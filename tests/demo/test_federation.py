"""A province's portal that nobody registered: signing in, and what a withdrawn word does."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import PASSWORD, Demo, accessible
from tests.demo.owner import opens_account

pytestmark = pytest.mark.xdist_group("demo")
PROVINCE = "Cổng dịch vụ công tỉnh Hà Giang"
MINISTRY = "Bộ Khoa học và Công nghệ"


def portal(demo: Demo) -> str:
    return f"{demo.sandbox}/province"


def comes_to_consent(demo: Demo, page: Page, person: dict[str, str]) -> None:
    """A person with an account, up to what the province's portal will get."""
    page.goto(f"{portal(demo)}/")
    accessible(page)
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_label("Tên đăng nhập").fill(person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 2))
    page.locator("main button.primary").click()


def row(demo: Demo) -> str:
    """What the operator's list says about the portal."""
    listed = demo.idp("clients", "list").stdout.splitlines()
    return next((line for line in listed if line.startswith(f"{portal(demo)}  ")), "")


def within(seconds: float, page: Page, address: str, code: str) -> bool:
    """Whether that page shows that code before long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        page.goto(address)
        if code in page.inner_text("body"):
            return True
        time.sleep(0.5)
    return False


def test_a_person_signs_in_at_a_portal_that_nobody_registered(
    demo: Demo, chromium: Browser
) -> None:
    context = chromium.new_context(locale="vi-VN")
    page, person = context.new_page(), demo.person()
    page.set_default_timeout(15_000)
    opens_account(demo, person)

    comes_to_consent(demo, page, person)
    expect(page).to_have_title(re.compile(PROVINCE))
    consent = page.inner_text("main")
    accessible(page)
    page.get_by_role("button", name="Tiếp tục").click()

    page.wait_for_url(f"{portal(demo)}/")
    welcome = page.inner_text("main")
    assert f"được {MINISTRY} bảo đảm, trong liên hiệp của Trung tâm dữ liệu quốc gia" in consent
    assert f"Địa chỉ của cổng: localhost:{demo.base + 100}" in consent
    assert "Email" not in consent  # asked for; the ministry's policy takes mailboxes away
    assert "Số điện thoại" in consent
    assert f"Xin chào {person['full_name']}" in welcome  # only after it verified the ID token
    assert portal(demo) in welcome  # aud
    accessible(page)
    assert "  federation  " in row(demo)
    assert f"vouched for by {demo.sandbox}/federation/bo-khcn" in row(demo)
    context.close()


def test_12_1_1_2_it_may_push_its_request_instead(demo: Demo, chromium: Browser) -> None:
    context = chromium.new_context(locale="vi-VN")
    page, person = context.new_page(), demo.person()
    page.set_default_timeout(15_000)
    opens_account(demo, person)

    with page.expect_request(lambda each: "/authorize?" in each.url) as sent:
        page.goto(f"{portal(demo)}/login?push")
    page.get_by_label("Tên đăng nhập").fill(person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 2))
    page.locator("main button.primary").click()
    page.get_by_role("button", name="Tiếp tục").click()
    page.wait_for_url(f"{portal(demo)}/")

    query = parse_qs(urlsplit(sent.value.url).query)
    assert set(query) == {"client_id", "request_uri"}
    assert f"Xin chào {person['full_name']}" in page.inner_text("main")
    context.close()


def test_an_operator_shuts_it_out_within_five_seconds_and_lets_it_in_again(
    demo: Demo, chromium: Browser
) -> None:
    page = chromium.new_context(locale="vi-VN").new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{portal(demo)}/login")
    before = page.url

    disabled = demo.idp("clients", "disable", portal(demo), "--by", "Trực ban")
    is_refused = within(5, page, f"{portal(demo)}/login", "IDP-1201")
    listed = row(demo)
    enabled = demo.idp("clients", "enable", portal(demo), "--by", "Trực ban")
    again = demo.idp("clients", "enable", portal(demo))
    unknown = demo.idp("clients", "disable", "nobody")

    assert "/login/" in before
    assert (disabled.returncode, disabled.stdout) == (0, f"{portal(demo)} disabled\n")
    assert is_refused
    assert "[disabled, until " in listed
    assert (enabled.returncode, again.stdout) == (0, f"{portal(demo)} was enabled already\n")
    assert (unknown.returncode, unknown.stderr) == (1, "Error: client.unknown\n")
    page.context.close()


def test_when_the_ministry_withdraws_its_word_the_portal_is_out(
    demo: Demo, chromium: Browser
) -> None:
    page = chromium.new_context(locale="vi-VN").new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{portal(demo)}/login")
    assert "/login/" in page.url
    page.goto(f"{demo.sandbox}/federation/")
    accessible(page)

    page.get_by_role("button", name="Thu hồi").click()
    page.get_by_role("button", name="Bảo đảm lại").wait_for()
    is_refused = within(30, page, f"{portal(demo)}/login", "IDP-1204")

    told = page.inner_text("main")
    assert is_refused
    assert page.get_by_role("heading", level=1).inner_text() == "Cổng dịch vụ chưa được bảo đảm"
    assert "sự bảo đảm đã bị thu hồi" in told
    assert "Chưa có thông tin nào của bạn được gửi đi" in told
    accessible(page)
    assert "[ended " in row(demo)
    page.goto(f"{demo.sandbox}/federation/")
    page.get_by_role("button", name="Bảo đảm lại").click()
    page.get_by_role("button", name="Thu hồi").wait_for()
    assert within(30, page, f"{portal(demo)}/login", "Tên đăng nhập")
    page.context.close()
