"""What an owner adds, downloads and ends: further ways in, data and the account itself (issue 4).

One person walks several pages in a row, as the demo and a browser are dear.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx2 as httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.conftest import PASSWORD, Demo, accessible
from tests.demo.test_account import Citizen
from tests.demo.test_demo import register_plainly
from tests.demo.test_signing import plugs_in, types_pin
from tests.support.postgres import require

pytestmark = pytest.mark.xdist_group("demo")
PURGED = "https://schemas.openid.net/secevent/risc/event-type/account-purged"


@pytest.fixture
def citizen(demo: Demo, chromium: Browser) -> Iterator[Citizen]:
    context = chromium.new_context(locale="vi-VN", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    phones = [{"carrier": "vinaphone"}]
    person = demo.somebody(kind="citizen", phones=phones, usb=True, sim=True)
    found = Citizen(demo, page, {**person, "phone": person["phones"][0]["number"]})
    found.enters()
    yield found
    context.close()


def portal(demo: Demo) -> str:
    return f"http://localhost:{demo.base + 201}"


def enters_portal(citizen: Citizen, tab: str) -> None:
    """From a browser without a session to the portal's sign-in, on one tab."""
    page = citizen.page
    page.context.clear_cookies()
    page.goto(portal(citizen.demo))
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("link", name=tab).click()
    accessible(page)


def is_known_there(citizen: Citizen) -> None:
    page = citizen.page
    page.get_by_role("button", name="Tiếp tục").click()
    page.wait_for_url(f"{portal(citizen.demo)}/**")
    assert citizen.person["full_name"] in page.inner_text("body")
    assert "ial2" in page.inner_text("body")


def adds(citizen: Citizen, name: str) -> None:
    page = citizen.page
    citizen.opens("/account/methods")
    page.get_by_role("button", name="Thêm mới").click()
    page.get_by_role("button", name=name).click()
    accessible(page)


# --- further ways in ----------------------------------------------------------------------------


def test_a_passkey_is_added_in_the_browser_and_opens_a_portal(citizen: Citizen) -> None:
    page = citizen.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "automaticPresenceSimulation": True,
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    adds(citizen, "XÁC THỰC BẰNG KHÓA TRUY CẬP")
    page.wait_for_url("**/account/methods?saved")
    accessible(page)
    assert "Khóa truy cập" in page.inner_text("main")
    told = citizen.newest(citizen.person["phone"], "đã thêm cách đăng nhập")
    assert "/not-me/" in told

    enters_portal(citizen, "Khóa truy cập")
    page.locator("main button.primary").click()

    is_known_there(citizen)


def test_an_app_is_added_and_opens_a_portal_without_a_message(citizen: Citizen) -> None:
    page = citizen.page
    adds(citizen, "XÁC THỰC BẰNG ỨNG DỤNG XÁC THỰC")
    secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}|[A-Z2-7]{32}", page.inner_text("main"))
    assert secret, page.inner_text("main")
    app = pyotp.TOTP(secret[0].replace(" ", ""))
    citizen.types_code(app.now())
    assert "Ứng dụng xác thực" in page.inner_text("main")
    before = len(citizen.messages(citizen.person["phone"]))
    used = app.now()
    while app.now() == used:  # each code opens once
        time.sleep(0.5)

    enters_portal(citizen, "Ứng dụng xác thực")
    page.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("[autocomplete=one-time-code]").fill(app.now())
    page.locator("main button.primary").click()

    is_known_there(citizen)
    assert len(citizen.messages(citizen.person["phone"])) == before


def test_a_token_is_added_as_it_is_registered_and_raises_the_account(
    demo: Demo, citizen: Citizen
) -> None:
    require("softhsm", found=bool(shutil.which("softhsm2-util")), how="apt-get install softhsm2")
    page, person = citizen.page, citizen.person
    token = demo.somebody(kind="citizen", usb=True)
    demo.tell("/usb/remove")
    plugs_in(demo, token)
    adds(citizen, "XÁC THỰC BẰNG USB KÝ SỐ")
    page.get_by_role("button", name="ĐĂNG KÝ", exact=True).click()
    types_pin(demo, token)
    expect(page.get_by_role("alert").get_by_text("cấp cho người khác")).to_be_visible()
    accessible(page)
    demo.tell("/usb/remove")
    plugs_in(demo, person)
    page.get_by_role("button", name="ĐĂNG KÝ", exact=True).click()
    types_pin(demo, person)
    page.wait_for_url("**/account/methods?saved")
    accessible(page)

    shown = page.inner_text("main")

    assert "USB ký số" in shown
    assert "mức 3 (cao)" in shown
    assert "Tài khoản đã ở mức cao nhất" in citizen.opens("/account/level")


def test_a_sim_is_added_as_it_is_registered_and_raises_the_account(
    demo: Demo, citizen: Citizen
) -> None:
    page, sim = citizen.page, citizen.person["sim"]
    adds(citizen, "XÁC THỰC BẰNG SIM KÝ SỐ")
    page.get_by_label("Nhà mạng").select_option(sim["carrier"])
    page.get_by_label("Số điện thoại").fill(sim["number"])
    page.locator("[name=captcha]").fill("12345")
    page.get_by_role("button", name="ĐĂNG KÝ", exact=True).click()
    accessible(page)
    assert demo.tell(f"/sim/{sim['number']}/confirm", pin=sim["pin"]).status_code == 200
    page.wait_for_url("**/account/methods?saved")

    shown = page.inner_text("main")

    assert "SIM ký số" in shown
    assert "mức 3 (cao)" in shown


# --- data ---------------------------------------------------------------------------------------


def test_a_filter_of_the_history_and_all_data_are_downloaded_and_told(
    citizen: Citizen, chromium: Browser
) -> None:
    page, phone = citizen.page, citizen.person["phone"]
    stranger = chromium.new_page()
    stranger.goto(f"{citizen.demo.issuer}/login")
    stranger.get_by_label("Tên đăng nhập").fill(citizen.person["id_number"])
    stranger.locator("[autocomplete=current-password]").fill("Sai-Mật-Khẩu-99")
    stranger.locator("main button.primary").click()
    stranger.get_by_role("alert").wait_for()
    citizen.opens("/account/history")
    page.get_by_role("link", name="Thất bại").click()
    accessible(page)
    assert "Đăng nhập sai mật khẩu" in page.inner_text("main")

    rows = list(csv.reader(io.StringIO(downloads(page, "Tải về tệp CSV").decode("utf-8-sig"))))

    assert rows[0][:3] == ["Thời gian", "Sự việc", "Kết quả"]
    assert {row[2] for row in rows[1:]} == {"Thất bại"}
    shown = citizen.opens("/account/data")
    for text in (citizen.person["full_name"], citizen.person["id_number"], "Nguồn: nhà mạng"):
        assert text in shown, text
    held = json.loads(downloads(page, "Tải về (JSON)"))
    assert {"numbers", "facts", "phones", "portals", "history", "settings"} <= set(held)
    assert "dữ liệu của tài khoản đã được tải về" in citizen.newest(phone, "tải về")


def downloads(page: Page, link: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    return download.value.path().read_bytes()


# --- notices ------------------------------------------------------------------------------------


def test_rule_7_every_channel_hears_of_a_change_in_the_language_chosen_and_no_link_signs_in(
    citizen: Citizen, chromium: Browser
) -> None:
    page, second, mailbox = citizen.page, "0987001044", "moi.kenh@example.vn"
    citizen.opens("/account/edit")
    page.get_by_label("Email").fill(mailbox)
    citizen.press()
    citizen.types_code(citizen.code(mailbox, "Mã xác nhận"))
    adds(citizen, "XÁC THỰC BẰNG TIN NHẮN SMS")
    page.get_by_label("Số điện thoại").fill(second)
    citizen.press()
    citizen.types_code(citizen.code(second, "thêm số điện thoại"))
    citizen.opens("/account/protection")
    page.get_by_role("main").get_by_role("button", name="English").click()
    accessible(page)
    page.get_by_role("button", name="Tắt hỏi trước").click()
    accessible(page)

    told = [
        citizen.newest(to, "protection setting was changed")
        for to in (citizen.person["phone"], second, mailbox)
    ]

    for text in told:
        links = re.findall(r"https?://\S+", text)
        assert len(links) == 1, text
        assert "/not-me/" in links[0]
        elsewhere = chromium.new_context(locale="en-GB").new_page()
        elsewhere.goto(links[0])
        accessible(elsewhere)
        assert elsewhere.inner_text("h1") == "Freeze the account?"
        elsewhere.goto(f"{citizen.demo.issuer}/account")
        assert "/login/" in elsewhere.url
        elsewhere.context.close()


# --- without JavaScript -------------------------------------------------------------------------


def test_without_javascript_at_320_px_an_owner_changes_downloads_closes_and_keeps(
    demo: Demo, chromium: Browser
) -> None:
    context = chromium.new_context(
        locale="vi-VN",
        java_script_enabled=False,
        color_scheme="dark",
        viewport={"width": 320, "height": 800},
    )
    page, person = context.new_page(), demo.person()
    page.set_default_timeout(20_000)
    register_plainly(demo, page, person)
    page.goto(f"{demo.issuer}/login")
    page.get_by_label("Tên đăng nhập").fill(person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 2))
    page.locator("main button.primary").click()

    page.get_by_role("button", name="Sửa").click()
    page.get_by_label("Địa chỉ liên hệ").fill("Số 1 phố Hàng Bài")
    page.locator("main button.primary").click()
    assert "Số 1 phố Hàng Bài" in page.inner_text("main")
    page.goto(f"{demo.issuer}/account/data")
    assert "Hàng Bài" in downloads(page, "Tải về (JSON)").decode()
    page.goto(f"{demo.issuer}/account/protection")
    page.get_by_role("link", name="Đóng tài khoản").click()
    page.get_by_role("button", name="Đóng tài khoản của tôi").click()
    assert "Tài khoản sẽ đóng ngày" in page.inner_text("main")
    page.goto(f"{demo.issuer}/account")
    page.get_by_role("link", name="Tài khoản sẽ đóng ngày").click()
    page.get_by_role("button", name="Giữ lại tài khoản").click()

    page.goto(f"{demo.issuer}/account")
    assert "Tài khoản sẽ đóng ngày" not in page.inner_text("main")
    context.close()


# --- the tabs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_sections_stand_on_one_line_and_hold_at_320_px_and_at_twice_the_text(
    citizen: Citizen, language: str
) -> None:
    page = citizen.page
    page.goto(f"{citizen.demo.issuer}/lang/{language}?next=/account/sessions")
    tabs = page.locator("nav.sections").first.get_by_role("link")

    lines = {round(tab.bounding_box()["y"]) for tab in tabs.all()}  # type: ignore[index]

    assert tabs.count() == 5
    assert len(lines) == 1
    for width, size in ((320, "100%"), (320, "200%"), (1280, "200%")):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("size => { document.documentElement.style.fontSize = size; }", size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, size)
        accessible(page)


# --- the end ------------------------------------------------------------------------------------


def test_a_closed_account_is_told_to_its_portals_and_its_person_is_somebody_new_there(
    citizen: Citizen, demo: Demo
) -> None:
    page, person = citizen.page, citizen.person
    before = sub_at_portal(citizen)
    citizen.opens("/account/protection")
    page.get_by_role("link", name="Đóng tài khoản").click()
    accessible(page)
    page.get_by_role("button", name="Đóng tài khoản của tôi").click()
    accessible(page)
    assert "đã có yêu cầu đóng tài khoản" in citizen.newest(person["phone"], "đóng tài khoản")

    a_week_passes(demo)
    assert "đã được đóng" in citizen.newest(person["phone"], "dữ liệu đã được xóa")

    assert waits_for(lambda: was_purged(demo, before))
    page.goto(f"{demo.issuer}/account")
    assert "/login/" in page.url
    registers_again(citizen)
    citizen.signs_in()
    assert sub_at_portal(citizen) != before


def sub_at_portal(citizen: Citizen) -> str:
    """What the portal is told: the newest ID token's ``sub``."""
    page = citizen.page
    page.goto(portal(citizen.demo))
    page.get_by_role("link", name="Đăng nhập").first.click()
    if page.get_by_role("button", name="Tiếp tục").count():
        page.get_by_role("button", name="Tiếp tục").click()
    page.wait_for_url(f"{portal(citizen.demo)}/**")
    name = citizen.person["full_name"]
    subs = [e["claims"]["sub"] for e in events(citizen.demo) if e["claims"].get("name") == name]
    return str(subs[-1])


def a_week_passes(demo: Demo) -> None:
    """The waiting period of whoever wants to close is over; the worker finds out by itself."""
    with closing(sqlite3.connect(demo.data / "idp.sqlite", timeout=20)) as database, database:
        database.execute("UPDATE accounts SET closes_at = 1 WHERE closes_at IS NOT NULL")


def was_purged(demo: Demo, sub: str) -> bool:
    sets = [each["claims"] for each in events(demo) if each["type"] == "security_event"]
    return any(PURGED in each["events"] and each["sub_id"]["sub"] == sub for each in sets)


def registers_again(citizen: Citizen) -> None:
    page, person = citizen.page, citizen.person
    codes = sign_up_codes(citizen)
    page.goto(f"{citizen.demo.issuer}/register")
    page.get_by_role("button", name="Thuê bao di động").click()
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_label("Họ tên").fill(person["full_name"])
    page.get_by_label("Ngày sinh").fill(person["birth_date"])
    page.get_by_label("Số điện thoại").fill(person["phone"])
    page.locator("[name=captcha]").fill("12345")
    citizen.press()
    assert waits_for(lambda: len(sign_up_codes(citizen)) > len(codes))
    citizen.types_code(sign_up_codes(citizen)[0])
    page.get_by_label("Nhập mật khẩu").fill(PASSWORD)
    page.get_by_label("Xác nhận mật khẩu").fill(PASSWORD)
    citizen.press()


def sign_up_codes(citizen: Citizen) -> list[str]:
    """Newest first."""
    texts = [each["text"] for each in citizen.messages(citizen.person["phone"])]
    return [code[1] for text in texts if (code := re.search(r"đăng ký tài khoản là (\d{6})", text))]


def waits_for(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.1)
    return False


def events(demo: Demo) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{demo.sandbox}/portal-events").json()
    return found
