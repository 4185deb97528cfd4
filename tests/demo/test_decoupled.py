"""A kiosk and a call centre of the demo, and the people who answer them: RFC 8628 and CIBA."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.demo.conftest import PASSWORD, Demo, accessible
from tests.demo.owner import opens_account
from tests.demo.test_account import Citizen
from tests.demo.test_keys import adds_passkey, plugs_in_authenticator
from tests.demo.test_signing import opens, press, registers, types_pin
from tests.support.postgres import require

pytestmark = pytest.mark.xdist_group("demo")
WAIT = 30_000
Screen = Callable[..., Page]


@pytest.fixture
def screen(chromium: Browser) -> Iterator[Screen]:
    """Makes devices of their own: a kiosk, an officer's desk."""
    opened: list[BrowserContext] = []

    def make(*, width: int = 1280, height: int = 900, **look: Any) -> Page:
        size: ViewportSize = {"width": width, "height": height}
        context = chromium.new_context(locale="vi-VN", viewport=size, **look)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    yield make
    for context in opened:
        context.close()


def phone(screen: Screen, **look: Any) -> Page:
    return screen(width=360, height=780, **look)


def sees(page: Page, *texts: str, timeout: float = 15_000) -> None:
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible(timeout=timeout)


def begins(demo: Demo, kiosk: Page) -> str:
    kiosk.goto(f"http://localhost:{demo.base + 201}/kiosk")
    kiosk.get_by_role("button", name="Bắt đầu").click()
    return kiosk.locator("#user-code").inner_text()


def types_code(demo: Demo, page: Page, code: str) -> None:
    page.goto(f"{demo.issuer}/device")
    page.get_by_label("Mã trên thiết bị").fill(code)
    press(page, "Tiếp tục")


def signs_in(demo: Demo, page: Page, person: dict[str, Any], count: int = 2) -> None:
    page.locator("[name=username]").fill(person["id_number"])
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[name=code]").fill(demo.code(person["phone"], count))
    page.locator("main button.primary").click()


def asks(
    demo: Demo, desk: Page, offset: int, person: dict[str, Any], about: str, **how: str
) -> str:
    """An officer asks; answers the verification code on the officer's screen."""
    desk.goto(f"http://localhost:{demo.base + offset}/desk")
    desk.get_by_label("Số CCCD/CMND").fill(person["id_number"])
    desk.get_by_label("Nội dung cần xác nhận").fill(about)
    desk.get_by_label("Mức xác minh cần có").select_option(how.get("level", ""))
    if how.get("name"):
        desk.get_by_label("Xin kèm họ tên").check()
    press(desk, "Gửi yêu cầu")
    newest = desk.locator("article").first
    expect(newest).to_contain_text(about)
    return newest.locator(".code").inner_text()


def test_a_person_signs_in_on_a_kiosk_with_her_own_phone(demo: Demo, screen: Screen) -> None:
    person = demo.person()
    hers = phone(screen)
    opens_account(demo, person)
    kiosk = screen()
    code = begins(demo, kiosk)
    accessible(kiosk)

    types_code(demo, hers, "BCDF-GHJK")
    sees(hers, "Mã không đúng hoặc đã hết hạn")
    hers.get_by_label("Mã trên thiết bị").fill(code.lower().replace("-", " "))
    press(hers, "Tiếp tục")
    if "/login" in hers.url:
        signs_in(demo, hers, person)
    sees(hers, code, "Ki-ốt Một cửa Hà Nội", "Họ tên")
    accessible(hers)
    press(hers, "Có, xác nhận")
    sees(hers, "Đã xác nhận thiết bị")

    greeting = kiosk.get_by_role("heading", name=f"Xin chào {person['full_name']}")
    expect(greeting).to_be_visible(timeout=WAIT)
    sees(kiosk, "ial2")
    accessible(kiosk)
    press(kiosk, "Kết thúc")
    expect(kiosk.get_by_role("button", name="Bắt đầu")).to_be_visible()
    assert person["full_name"] not in kiosk.inner_text("body")
    hers.goto(f"{demo.issuer}/account/sessions")
    assert "Ki-ốt Một cửa Hà Nội" not in hers.inner_text("main")


def test_without_javascript_a_refusal_comes_back_to_the_kiosk_by_itself(
    demo: Demo, screen: Screen
) -> None:
    person = demo.person()
    hers = phone(screen, java_script_enabled=False)
    opens_account(demo, person)
    kiosk = screen(java_script_enabled=False)
    code = begins(demo, kiosk)
    assert kiosk.locator("img[alt*='Mã QR']").count() == 1

    hers.goto(f"{demo.issuer}/device?user_code={code}")
    press(hers, "Tiếp tục")
    if "/login" in hers.url:
        signs_in(demo, hers, person)
    press(hers, "Từ chối")
    sees(hers, "Thiết bị không vào được tài khoản của bạn")

    sees(kiosk, "access_denied", timeout=WAIT)
    expect(kiosk.get_by_role("button", name="Bắt đầu lại")).to_be_visible()


def test_a_code_whose_time_is_over_lets_nobody_in_and_the_kiosk_says_so(
    demo: Demo, screen: Screen
) -> None:
    kiosk, hers = screen(), phone(screen)
    code = begins(demo, kiosk)
    # Ten minutes pass.
    with sqlite3.connect(demo.data / "idp.sqlite", timeout=10) as database:
        database.execute("UPDATE decoupled_requests SET expires_at = created_at")

    types_code(demo, hers, code)

    sees(hers, "Mã không đúng hoặc đã hết hạn")
    sees(kiosk, "expired_token", timeout=WAIT)
    accessible(kiosk)


def test_a_call_centre_is_pinged_when_a_citizen_signs_on_her_sim_or_refuses(
    demo: Demo, screen: Screen
) -> None:
    person = demo.somebody(kind="citizen", phones=[{"carrier": "vinaphone"}], sim=True)
    number = person["sim"]["number"]
    hers, desk = phone(screen), screen()
    opens(demo, hers, "Công dân", "SIM ký số")
    hers.get_by_label("Nhà mạng").select_option("vinaphone")
    hers.get_by_label("Số điện thoại").fill(number)
    hers.locator("[name=captcha]").fill("12345")
    press(hers, "ĐĂNG KÝ")
    expect(hers.locator("#verification-code")).to_be_visible()
    demo.tell(f"/sim/{number}/confirm", pin=person["sim"]["pin"])
    sees(hers, "Chào mừng bạn")
    press(hers, "ĐĂNG KÝ")
    sees(hers, "Đăng ký thành công")

    code = asks(demo, desk, 202, person, "Ho so 4711", level="ial3")
    answers_on_sim(demo, hers, number, code, person["sim"]["pin"])

    case = desk.locator("article").first
    expect(case).to_contain_text("Đã xác nhận", timeout=WAIT)
    for text in ("ial3", "sc, pin, mfa", "đã nhận"):
        expect(case).to_contain_text(text)
    accessible(desk)
    asks(demo, desk, 202, person, "Ho so 4712")
    rings(hers, f"{demo.sandbox}/sim/{number}")
    press(hers, "Từ chối")
    expect(desk.locator("article").first).to_contain_text("access_denied", timeout=WAIT)
    told = httpx.get(f"{demo.sandbox}/portal-events").json()
    pinged = [each["claims"] for each in told if each["type"] == "ciba_ping"]
    assert [each["binding_message"] for each in pinged] == ["Ho so 4711", "Ho so 4712"]


def rings(page: Page, address: str) -> None:
    """Look at the phone until it asks for the PIN."""
    for _ in range(30):
        page.goto(address)
        if page.get_by_label("PIN").count():
            return
        page.wait_for_timeout(500)
    raise AssertionError("the phone did not ring")


def answers_on_sim(demo: Demo, page: Page, number: str, code: str, pin: str) -> None:
    rings(page, f"{demo.sandbox}/sim/{number}")
    for text in ("Tong dai Bo Y te", "Ho so 4711", code):
        expect(page.locator("main")).to_contain_text(text)
    page.get_by_label("PIN").fill(pin)
    press(page, "Xác nhận")


def test_a_back_office_polls_and_a_citizen_confirms_with_a_token_made_for_that_request(
    demo: Demo, screen: Screen
) -> None:
    found = bool(shutil.which("softhsm2-util"))
    require("softhsm", found=found, how="apt-get install softhsm2")
    person = demo.somebody(kind="citizen", usb=True)
    hers, desk = phone(screen), screen()
    registers(demo, hers, person, "Công dân")
    press(hers, "ĐĂNG KÝ")
    sees(hers, "Đăng ký thành công")
    code = asks(demo, desk, 201, person, "Hồ sơ đất đai 12", level="ial3", name="yes")

    hers.goto(f"{demo.issuer}/account/approvals")
    if "/login" in hers.url:
        signs_by_token(demo, hers, person)
    sees(hers, "Hồ sơ đất đai 12")
    accessible(hers)
    hers.locator("main a.button.primary").click()
    for text in (code, "Hồ sơ đất đai 12", "Văn phòng Một cửa Hà Nội", "Họ tên"):
        expect(hers.locator("main")).to_contain_text(text)
    accessible(hers)
    press(hers, "Tiếp tục để xác nhận")
    signs_by_token(demo, hers, person)
    press(hers, "Xác nhận")
    sees(hers, "Đã xác nhận.")

    case = desk.locator("article").first
    expect(case).to_contain_text("Đã xác nhận", timeout=WAIT)
    for text in (person["full_name"].upper(), "ial3", "hwk"):
        expect(case).to_contain_text(text)
    asks(demo, desk, 201, person, "Hồ sơ đất đai 13")
    hers.goto(f"{demo.issuer}/account/approvals")
    hers.locator("main a.button.primary").click()
    press(hers, "Từ chối")
    sees(hers, "Đã từ chối.")
    expect(desk.locator("article").first).to_contain_text("access_denied", timeout=WAIT)


def signs_by_token(demo: Demo, page: Page, person: dict[str, Any]) -> None:
    if page.get_by_role("link", name="Usb ký số").count():
        page.get_by_role("link", name="Usb ký số").click()
    press(page, "ĐĂNG NHẬP")
    types_pin(demo, person)
    page.wait_for_url("**/account/**")


def test_a_citizen_confirms_with_a_passkey_made_for_that_request(
    demo: Demo, screen: Screen
) -> None:
    hers, desk = phone(screen), screen()
    citizen = Citizen(demo, hers)
    citizen.enters()
    plugs_in_authenticator(hers)
    adds_passkey(citizen)
    sees(hers, "Đã lưu")
    code = asks(demo, desk, 201, citizen.person, "Hồ sơ hộ tịch 21", level="ial2", name="yes")

    hers.goto(f"{demo.issuer}/account/approvals")
    hers.locator("main a.button.primary").click()
    for text in (code, "Hồ sơ hộ tịch 21", "Văn phòng Một cửa Hà Nội", "Họ tên"):
        expect(hers.locator("main")).to_contain_text(text)
    press(hers, "Tiếp tục để xác nhận")
    signs_by_passkey(hers)
    press(hers, "Xác nhận")
    sees(hers, "Đã xác nhận.")

    case = desk.locator("article").first
    expect(case).to_contain_text("Đã xác nhận", timeout=WAIT)
    for text in (citizen.person["full_name"], "ial2", "hwk, user, mfa"):
        expect(case).to_contain_text(text)
    asks(demo, desk, 201, citizen.person, "Hồ sơ hộ tịch 22")
    hers.goto(f"{demo.issuer}/account/approvals")
    hers.locator("main a.button.primary").click()
    sees(hers, "Tiếp tục để xác nhận")  # the proof of before was for the request of before


def signs_by_passkey(page: Page) -> None:
    if page.get_by_role("link", name="Khóa truy cập").count():
        page.get_by_role("link", name="Khóa truy cập").click()
    accessible(page)
    page.get_by_role("button", name="ĐĂNG NHẬP", exact=True).click()
    page.wait_for_url("**/account/**")
