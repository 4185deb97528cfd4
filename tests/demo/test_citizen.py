"""A citizen at their browser: names, two numbers, codes, phones, and systems that are down."""

from __future__ import annotations

import os
import re
import secrets
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import PASSWORD, Demo, accessible, started

pytestmark = [pytest.mark.xdist_group("demo_short"), pytest.mark.timeout(300)]
"""A demo of its own, so these need not wait for the other tests of the folder."""
TTL, RESEND = 30, 6
SETTINGS = f"[otp]\nttl = {TTL}\nresend_after = {RESEND}\nper_hour = 100\nper_day = 100\n"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo whose codes live for half a minute; nothing else of it is other."""
    folder = tmp_path_factory.mktemp("short")
    more = folder / "more.toml"
    more.write_text(SETTINGS)
    with started(folder, "--config", str(more)) as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="vi-VN", viewport={"width": 320, "height": 800})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    yield opened
    context.close()


def fills_in(demo: Demo, page: Page, person: dict[str, Any], **changes: str) -> None:
    """The form of the mobile subscription, sent."""
    page.goto(f"{demo.issuer}/register")
    page.get_by_role("button", name="Thuê bao di động").click()
    fields = {
        "username": person["id_number"],
        "full_name": person["full_name"],
        "birth_date": person["birth_date"],
        "phone": person["phones"][0]["number"],
        "captcha": "12345",
        **changes,
    }
    for name, value in fields.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button.primary").click()


def types_code(page: Page, code: str) -> None:
    page.locator("[autocomplete=one-time-code]").fill(code)
    page.get_by_role("button", name=re.compile("xác nhận", re.IGNORECASE)).click()


def registers(demo: Demo, page: Page, person: dict[str, Any], **changes: str) -> None:
    fills_in(demo, page, person, **changes)
    types_code(page, demo.code(person["phones"][0]["number"], 1))
    page.get_by_label("Nhập mật khẩu").fill(PASSWORD)
    page.get_by_label("Xác nhận mật khẩu").fill(PASSWORD)
    page.locator("main button.primary").click()
    expect(page.locator("h1")).to_contain_text("Đăng ký thành công")


def types_password(page: Page, number: str) -> None:
    page.get_by_label("Tên đăng nhập").fill(number)
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    expect(page.locator("h1")).to_contain_text("Xác thực mã OTP")


def sent(demo: Demo, phone: str) -> list[dict[str, str]]:
    """The codes that came to a phone, newest first."""
    found = httpx.get(
        f"{demo.sandbox}/sms", params={"to": phone}, headers={"Accept": "application/json"}
    ).json()
    return [each for each in found if each["code"]]


def next_code(demo: Demo, phone: str, known: int) -> str:
    """The code that comes after so many."""
    for _ in range(200):
        found = sent(demo, phone)
        if len(found) > known:
            return found[0]["code"]
        time.sleep(0.1)
    raise AssertionError(f"no further code came to {phone}")


def enters(demo: Demo, page: Page, phone: str, number: str) -> None:
    """Sign in on the page that asks for it."""
    known = len(sent(demo, phone))
    types_password(page, number)
    types_code(page, next_code(demo, phone, known))


def shot(page: Page, name: str) -> None:
    if os.environ.get("IDP_SHOTS"):
        page.screenshot(path=f"{os.environ['IDP_SHOTS']}/{name}.png", full_page=True)


# --- one person, two numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["id_number", "cmnd"])
def test_the_old_and_the_new_number_open_one_account_at_both_portals(
    short: Demo, chromium: Browser, page: Page, typed: str
) -> None:
    digits = f"{secrets.randbelow(10**8):08d}"
    person = short.somebody(kind="citizen", cmnd=f"0{digits}")
    registers(short, page, person, username=person[typed])
    seen: dict[int, set[str]] = {201: set(), 202: set()}

    for number in (person["cmnd"], person["id_number"]):
        context = chromium.new_context(locale="vi-VN")
        other = context.new_page()
        other.set_default_timeout(20_000)
        for port in (201, 202):
            other.goto(f"http://localhost:{short.base + port}")
            other.get_by_role("link", name="Đăng nhập").first.click()
            if port == 201:
                enters(short, other, person["phones"][0]["number"], number)
            expect(other.get_by_role("heading").first).to_be_visible()
            if other.get_by_role("button", name="Tiếp tục").count():
                other.get_by_role("button", name="Tiếp tục").click()
            sub = other.get_by_role("row", name=re.compile("^sub ")).inner_text()
            seen[port].add(sub)
        context.close()

    # Pairwise: one for each portal, whichever number was typed, and never the same at two portals.
    assert [len(found) for found in seen.values()] == [1, 1]
    assert not seen[201] & seen[202]


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "typed"),
    [
        ("H'Hen Niê", "H'Hen Niê"),
        ("H'Hen Niê", "H\N{RIGHT SINGLE QUOTATION MARK}HEN NIÊ"),
        ("K’Brôi-Ndu Ka", "K'Brôi-Ndu Ka"),
        ("Y Bhăm-Niê Kdăm", "Y BHĂM\N{NON-BREAKING HYPHEN}NIÊ KDĂM"),
        ("Nguyễn Thị Hoà", "Nguyễn Thị Hòa"),
        ("Nguyễn Thị Hòa", "NGUYỄN THỊ HOÀ"),
        ("Nguyễn Thuỳ Uyên", unicodedata.normalize("NFD", "Nguyễn Thùy Uyên")),
        ("Đặng Quốc Khánh", unicodedata.normalize("NFD", "  đặng   quốc khánh ")),
    ],
)
def test_a_name_matches_however_it_is_typed_in_the_browser(
    short: Demo, page: Page, real: str, typed: str
) -> None:
    person = short.somebody(kind="citizen", full_name=real)

    registers(short, page, person, full_name=typed)

    page.goto(f"{short.issuer}/login")
    enters(short, page, person["phones"][0]["number"], person["id_number"])
    assert unicodedata.normalize("NFC", real) in page.inner_text("main")


def test_a_name_without_its_accents_is_another_name(short: Demo, page: Page) -> None:
    person = short.somebody(kind="citizen", full_name="Nguyễn Thị Hoà")

    fills_in(short, page, person, full_name="Nguyen Thi Hoa")

    assert "không khớp" in page.inner_text("main")
    assert page.locator("[name=full_name]").input_value() == "Nguyen Thi Hoa"
    assert sent(short, person["phones"][0]["number"]) == []
    accessible(page)


# --- the code -------------------------------------------------------------------------------------


def test_the_code_screen_counts_down_resends_and_tells_when_its_time_is_over(
    short: Demo, page: Page
) -> None:
    person = short.somebody(kind="citizen")
    phone = person["phones"][0]["number"]
    fills_in(short, page, person)
    first = next_code(short, phone, 0)
    resend = page.get_by_role("button", name="Gửi lại OTP")
    wait = page.locator("#resend-wait")

    expect(resend).to_be_visible()
    expect(wait).to_contain_text(re.compile(r"\d"))
    shot(page, "code")
    # The button stays in reach of a keyboard and says why it does nothing yet.
    resend.click(force=True)
    expect(page.get_by_role("status").last).to_contain_text(re.compile(r"\d+ giây"))
    assert len(sent(short, phone)) == 1
    shot(page, "too-early")
    expect(wait).not_to_contain_text(re.compile(r"\d"), timeout=RESEND * 2000)
    resend.click()
    second = next_code(short, phone, 1)
    types_code(page, first)
    expect(page.locator("[aria-invalid=true]")).to_be_visible()
    shot(page, "old-code")
    accessible(page)

    expect(page.locator(".countdown")).to_contain_text("hết hạn", timeout=(TTL + 10) * 1000)
    types_code(page, second)
    expect(page.locator("#f-code-fault")).to_contain_text("hết hạn")
    shot(page, "expired")
    accessible(page)
    resend.click()
    types_code(page, next_code(short, phone, 2))
    expect(page.get_by_label("Xác nhận mật khẩu")).to_be_visible()


def test_another_phone_of_the_owner_gets_the_code_when_it_is_chosen(
    short: Demo, page: Page
) -> None:
    person = short.somebody(
        kind="citizen", phones=[{"carrier": "viettel"}, {"carrier": "vinaphone"}]
    )
    default, second = (phone["number"] for phone in person["phones"])
    registers(short, page, person)
    page.goto(f"{short.issuer}/login")
    enters(short, page, default, person["id_number"])
    page.goto(f"{short.issuer}/account/methods/new")
    page.get_by_role("button", name=re.compile("tin nhắn SMS", re.IGNORECASE)).click()
    page.locator("[name=phone]").fill(second)
    page.locator("main button.primary").click()
    types_code(page, next_code(short, second, 0))
    expect(page.locator("main")).to_contain_text(f"{second} - Đặt làm mặc định")
    page.context.clear_cookies()

    page.goto(f"{short.issuer}/login")
    before = len(sent(short, default))
    types_password(page, person["id_number"])
    next_code(short, default, before)
    page.get_by_text("Chọn phương thức xác thực khác").click()
    shot(page, "other-phone")
    accessible(page)
    page.wait_for_timeout(RESEND * 1000)
    known = len(sent(short, second))
    page.get_by_role("button", name=re.compile(re.escape(f"{second[:3]}****{second[-3:]}"))).click()
    expect(page.locator("main")).to_contain_text(f"SĐT: {second[:3]}****{second[-3:]}")
    types_code(page, next_code(short, second, known))

    expect(page).to_have_url(f"{short.issuer}/account")
    assert len(sent(short, default)) == before + 1


def test_cancelling_on_the_code_screen_leads_back_to_the_portal_which_is_told(
    short: Demo, page: Page
) -> None:
    person = short.somebody(kind="citizen")
    registers(short, page, person)
    page.goto(f"http://localhost:{short.base + 201}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    types_password(page, person["id_number"])

    page.get_by_role("button", name="Hủy").click()

    page.wait_for_url(f"http://localhost:{short.base + 201}/**")
    shot(page, "cancelled")
    assert person["full_name"] not in page.inner_text("body")
    page.goto(f"{short.issuer}/account")
    expect(page.get_by_label("Tên đăng nhập")).to_be_visible()


# --- there is an account already ------------------------------------------------------------------


def test_an_existing_account_is_told_with_three_ways_out_that_lead_somewhere(
    short: Demo, page: Page
) -> None:
    person = short.somebody(kind="citizen")
    registers(short, page, person)
    known = len(sent(short, person["phones"][0]["number"]))

    fills_in(short, page, person)

    shot(page, "existing")
    accessible(page)
    assert "quầy giao dịch" in page.inner_text("main").lower()
    assert len(sent(short, person["phones"][0]["number"])) == known
    for link, field in (("Quên mật khẩu", "username"), ("Khiếu nại", "full_name")):
        page.locator("dl.ways").get_by_role("link", name=re.compile(link, re.IGNORECASE)).click()
        expect(page.locator(f"[name={field}]")).to_be_visible()
        page.go_back()
    page.locator("main a.primary").click()
    expect(page.locator("[autocomplete=current-password]")).to_be_visible()


# --- a carrier that is down -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["down", "slow"])
def test_a_carrier_that_fails_is_told_in_the_browser_and_nothing_typed_is_lost(
    short: Demo, chromium: Browser, page: Page, mode: str
) -> None:
    person = short.somebody(kind="citizen")
    desk = chromium.new_page()
    desk.goto(f"{short.sandbox}/faults")
    desk.get_by_label("Hệ thống").select_option("carrier")
    desk.get_by_label("Kiểu sự cố").select_option(mode)
    desk.get_by_role("button", name="Gây sự cố").click()
    try:
        fills_in(short, page, person)

        expect(page.locator("main")).to_contain_text("tạm thời không phản hồi")
        shot(page, f"carrier-{mode}")
        accessible(page)
        for name in ("username", "full_name", "birth_date"):
            assert page.locator(f"[name={name}]").input_value()
    finally:
        desk.get_by_role("button", name="Sửa hết").click()
        desk.close()
    page.locator("main button.primary").click()
    if mode == "down":
        expect(page.locator("[autocomplete=one-time-code]")).to_be_visible()
    types_code(page, next_code(short, person["phones"][0]["number"], 0))
    expect(page.get_by_label("Xác nhận mật khẩu")).to_be_visible()


# --- how a portal wants it to look ----------------------------------------------------------------


def opens(demo: Demo, page: Page, display: str) -> None:
    """The sign-in of a portal that asked for that look."""
    page.goto(f"http://localhost:{demo.base + 201}/login?display={display}")
    expect(page.locator("[autocomplete=current-password]")).to_be_visible()
    shot(page, f"display-{display}")
    accessible(page)


def test_a_popup_shows_the_whole_form_in_a_small_window(short: Demo, page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 640})

    opens(short, page, "popup")

    button = page.locator("main button.primary").bounding_box()
    assert button
    assert button["y"] + button["height"] <= 640


def test_touch_has_larger_targets(short: Demo, page: Page) -> None:
    opens(short, page, "touch")

    for target in page.locator("main button:visible, main input:not([role=switch]):visible").all():
        box = target.bounding_box()
        assert box
        assert box["height"] >= 56


def test_wap_loads_neither_fonts_nor_pictures(short: Demo, page: Page) -> None:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.resource_type))

    opens(short, page, "wap")

    assert not {"font", "image"} & set(loaded)
