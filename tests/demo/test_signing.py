"""USB tokens and signing SIMs in the demo: a real token, the real tool, a real browser."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from idp.sandbox import tokens
from tests.demo.conftest import Demo, accessible
from tests.support.ports import free_port, is_free
from tests.support.postgres import require

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="vi-VN", viewport={"width": 1280, "height": 900})
    found = context.new_page()
    found.set_default_timeout(15_000)
    yield found
    context.close()


@pytest.fixture(autouse=True)
def reader(demo: Demo) -> None:
    found = bool(shutil.which("softhsm2-util"))
    require("softhsm", found=found, how="apt-get install softhsm2")
    demo.tell("/usb/remove")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def plugs_in(demo: Demo, person: dict[str, Any]) -> None:
    assert demo.tell("/usb/insert", person=person).status_code == 200


def types_pin(demo: Demo, person: dict[str, Any], pin: str = "") -> None:
    answer = demo.tell("/usb/answer", certificate=0, pin=pin or person["usb"]["pin"])
    assert answer.status_code == 200, answer.text


def opens(demo: Demo, page: Page, subject: str, method: str) -> None:
    page.goto(f"{demo.issuer}/register")
    if subject != "Công dân":
        page.get_by_label(subject).check()
    page.locator("form.panel:visible").get_by_role("button", name=method).click()


def registers(demo: Demo, page: Page, person: dict[str, Any], subject: str) -> None:
    plugs_in(demo, person)
    opens(demo, page, subject, "USB ký số")
    accessible(page)
    press(page, "ĐĂNG KÝ")
    types_pin(demo, person)
    expect(page.get_by_text("Chào mừng bạn đến với Cổng Dịch vụ công quốc gia")).to_be_visible()


def test_a_citizen_registers_by_usb_and_a_portal_sees_level_three(demo: Demo, page: Page) -> None:
    person = demo.somebody(kind="citizen", usb=True)
    registers(demo, page, person, "Công dân")
    accessible(page)
    press(page, "ĐĂNG KÝ")
    expect(page.get_by_text("Đăng ký thành công")).to_be_visible()

    page.goto(f"http://localhost:{demo.base + 201}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("link", name="Usb ký số").click()
    accessible(page)
    press(page, "ĐĂNG NHẬP")
    types_pin(demo, person)
    press(page, "Tiếp tục")

    expect(page.get_by_text("ial3")).to_be_visible()
    assert "hwk" in page.inner_text("body")


@pytest.mark.parametrize(
    ("kind", "subject", "name"),
    [("enterprise", "Doanh nghiệp", "Tên doanh nghiệp"),
     ("agency", "Cơ quan nhà nước", "Tên tổ chức")],
)  # fmt: skip
def test_an_organisation_registers_by_usb(
    demo: Demo, page: Page, kind: str, subject: str, name: str
) -> None:
    organisation = demo.somebody(kind=kind)
    registers(demo, page, organisation, subject)
    expect(page.get_by_text(name)).to_be_visible()
    page.get_by_label("Email").fill("donvi@example.com")
    if kind == "agency":
        page.locator("[name=captcha]").fill("12345")
    press(page, "ĐĂNG KÝ")

    expect(page.get_by_text("Đăng ký thành công")).to_be_visible()


def test_a_wrong_pin_is_told_and_the_right_one_goes_on(demo: Demo, page: Page) -> None:
    person = demo.somebody(kind="citizen", usb=True)
    plugs_in(demo, person)
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")
    types_pin(demo, person, "000000")
    expect(page.get_by_role("alert").get_by_text("Mã PIN không đúng")).to_be_visible()
    accessible(page)

    press(page, "ĐĂNG KÝ")
    types_pin(demo, person)

    expect(page.get_by_text("Chào mừng bạn")).to_be_visible()


def test_without_a_token_the_page_says_how_to_go_on(demo: Demo, page: Page) -> None:
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")

    expect(page.get_by_text("Chưa thấy USB ký số")).to_be_visible()
    page.get_by_role("link", name="Xem hướng dẫn cài đặt").click()
    accessible(page)
    assert "bridge.pyz" in page.inner_text("body")


@contextlib.contextmanager
def tool_at(demo: Demo, page: Page, *arguments: str, **environment: str) -> Iterator[None]:
    """Another signing tool on this computer, and the page's script is told its address."""
    port = free_port()
    sandbox = ("--prompt", "sandbox", "--sandbox", demo.sandbox)
    command = [sys.executable, "-m", "idp.bridge", "--port", str(port), *sandbox, *arguments]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    script = """new MutationObserver(() => {
      const form = document.querySelector("[data-tools]");
      if (form) form.dataset.tools = "http://127.0.0.1:%d";
    }).observe(document, {childList: true, subtree: true});"""
    page.add_init_script(script % port)
    try:
        for _ in range(200):
            if not is_free(port):
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def elsewhere(chromium: Browser) -> Iterator[Page]:
    """A page whose script may ask at other addresses than the demo's."""
    context = chromium.new_context(locale="vi-VN", bypass_csp=True)
    found = context.new_page()
    found.set_default_timeout(15_000)
    yield found
    context.close()


def asks(demo: Demo, page: Page, text: str) -> None:
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")
    expect(page.get_by_role("alert").get_by_text(text)).to_be_visible()
    expect(page.get_by_text("Công cụ ký đang mở danh sách")).to_be_hidden()
    expect(page.get_by_role("button", name="ĐĂNG KÝ", exact=True)).to_be_visible()


def test_without_the_tool_or_its_driver_or_with_one_for_other_sites_each_is_told(
    demo: Demo, elsewhere: Page
) -> None:
    with tool_at(demo, elsewhere, "--origin", demo.issuer, "--module", "/nowhere.so"):
        asks(demo, elsewhere, "Máy chưa có trình điều khiển của USB ký số")
    asks(demo, elsewhere, "Không tìm thấy công cụ ký trên máy này")
    with tool_at(demo, elsewhere, "--origin", "https://other.example.vn"):
        asks(demo, elsewhere, "Công cụ ký không chấp nhận trang này")
    elsewhere.get_by_role("link", name="Xem hướng dẫn cài đặt").click()
    expect(elsewhere.get_by_text("bridge.pyz").first).to_be_visible()


def test_three_wrong_pins_lock_a_token_and_each_page_says_how_many_are_left(
    demo: Demo, elsewhere: Page, shim: Path, tmp_path: Path
) -> None:
    person = demo.somebody(kind="citizen", usb=True)
    plugs_in(demo, person)
    reader = {
        "SOFTHSM2_CONF": str(demo.data / "sandbox/usb/softhsm2.conf"),
        "SHIM_OVER": str(tokens.driver()),
        "SHIM_COUNT": str(tmp_path / "count"),
    }
    arguments = ("--origin", demo.issuer, "--module", str(shim))
    with tool_at(demo, elsewhere, *arguments, **reader):
        opens(demo, elsewhere, "Công dân", "USB ký số")
        for text in ("nhập sai nhiều lần thiết bị sẽ bị khóa", "Chỉ còn một lần thử", "bị khóa."):
            press(elsewhere, "ĐĂNG KÝ")
            types_pin(demo, person, "000000")
            expect(elsewhere.get_by_role("alert").get_by_text(text)).to_be_visible()
        press(elsewhere, "ĐĂNG KÝ")
        told = elsewhere.get_by_role("alert").get_by_text("Vui lòng liên hệ nơi cấp chứng thư số")
        expect(told).to_be_visible()
        assert httpx.get(f"{demo.sandbox}/usb").json()["dialogue"] is None


def test_a_token_that_is_pulled_out_at_the_dialogue_is_told_and_works_when_it_is_back(
    demo: Demo, page: Page
) -> None:
    person = demo.somebody(kind="citizen", usb=True)
    plugs_in(demo, person)
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")
    waits_for_the_dialogue(demo)
    demo.tell("/usb/remove")
    types_pin(demo, person)
    expect(page.get_by_role("alert").get_by_text("USB ký số đã bị rút ra")).to_be_visible()

    plugs_in(demo, person)
    press(page, "ĐĂNG KÝ")
    types_pin(demo, person)

    expect(page.get_by_text("Chào mừng bạn")).to_be_visible()


def waits_for_the_dialogue(demo: Demo) -> None:
    for _ in range(200):
        if httpx.get(f"{demo.sandbox}/usb").json()["dialogue"]:
            return
        time.sleep(0.1)
    raise AssertionError("the tool never asked")


def test_an_owner_of_an_account_who_registers_by_sim_is_led_to_the_three_ways_out(
    demo: Demo, page: Page
) -> None:
    person = demo.somebody(kind="citizen", phones=[{"carrier": "vinaphone"}], sim=True)
    number, pin = person["sim"]["number"], person["sim"]["pin"]
    for _ in range(2):
        opens(demo, page, "Công dân", "SIM ký số")
        page.get_by_label("Nhà mạng").select_option("vinaphone")
        page.get_by_label("Số điện thoại").fill(number)
        page.locator("[name=captcha]").fill("12345")
        press(page, "ĐĂNG KÝ")
        demo.tell(f"/sim/{number}/confirm", pin=pin)
        page.wait_for_selector("text=/Chào mừng bạn|Quên mật khẩu/")
        if page.get_by_text("Chào mừng bạn").is_visible():
            press(page, "ĐĂNG KÝ")
            expect(page.get_by_text("Đăng ký thành công")).to_be_visible()

    expect(page.get_by_text("Số CMT/CCCD này đã có tài khoản")).to_be_visible()


def test_cancelling_in_the_tool_is_told(demo: Demo, page: Page) -> None:
    plugs_in(demo, demo.somebody(kind="citizen", usb=True))
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")
    demo.tell("/usb/answer", cancel=True)

    expect(page.get_by_text("Bạn đã hủy ở cửa sổ của công cụ ký")).to_be_visible()


@pytest.mark.parametrize(
    ("certificate", "text"),
    [
        ({"state": "expired"}, "đã hết hạn ngày"),
        ({"state": "future"}, "chưa có hiệu lực"),
        ({"ca": "foreign"}, "không do CA được công nhận cấp"),
        ({"holder": "staff"}, "cá nhân trong doanh nghiệp"),
        ({"holder": "nobody"}, "không ghi rõ số CMT/CCCD"),
    ],
    ids=["expired", "future", "foreign", "staff", "nobody"],
)
def test_a_bad_certificate_is_refused_with_its_reason(
    demo: Demo, page: Page, certificate: dict[str, str], text: str
) -> None:
    person = demo.somebody(kind="citizen", usb={"certificates": [certificate]})
    plugs_in(demo, person)
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")
    types_pin(demo, person)

    expect(page.get_by_role("alert").get_by_text(text)).to_be_visible()


def today() -> str:
    return datetime.now(timezone(timedelta(hours=7))).strftime("%d/%m/%Y")


def test_a_revoked_certificate_is_refused_with_its_day_and_its_ca(demo: Demo, page: Page) -> None:
    person = demo.somebody(kind="citizen", usb=True)
    certificate = person["usb"]["certificates"][0]
    revoked = demo.tell(f"/ca/{certificate['ca']}/revoke", serial=certificate["serial"])
    assert revoked.status_code == 200
    plugs_in(demo, person)
    opens(demo, page, "Công dân", "USB ký số")
    press(page, "ĐĂNG KÝ")
    types_pin(demo, person)

    told = f"Chứng thư số đã bị thu hồi ngày {today()} (CA: NEWTEL-CA v2)."
    expect(page.get_by_role("alert").get_by_text(told)).to_be_visible()


def test_when_ocsp_is_down_so_is_its_crl_here_and_nobody_gets_in(demo: Demo, page: Page) -> None:
    person = demo.somebody(kind="citizen", usb=True)
    plugs_in(demo, person)
    opens(demo, page, "Công dân", "USB ký số")
    demo.tell("/faults", system="ocsp", mode="down", seconds=30)
    try:
        press(page, "ĐĂNG KÝ")
        types_pin(demo, person)
        expect(page.get_by_text("chưa kiểm tra được chứng thư số")).to_be_visible()
    finally:
        httpx.delete(f"{demo.sandbox}/faults")


def test_a_page_of_another_origin_gets_nothing_from_the_tool(demo: Demo, page: Page) -> None:
    """The portal's page asks the tool: the browser and the tool both refuse."""
    plugs_in(demo, demo.somebody(kind="citizen", usb=True))
    page.goto(f"{demo.sandbox}/")
    script = """async tool => {
      try {
        const answer = await fetch(`${tool}/authenticate`, {method: "POST",
          headers: {"Content-Type": "application/json"},
          body: JSON.stringify({challengeNonce: "n".repeat(44)})});
        return await answer.text();
      } catch (error) { return "refused"; }
    }"""

    answer = page.evaluate(script, f"http://127.0.0.1:{demo.base + 300}")

    assert answer == "refused"
    assert httpx.get(f"{demo.sandbox}/usb").json()["dialogue"] is None


def test_a_citizen_registers_and_signs_in_by_sim(demo: Demo, page: Page) -> None:
    person = demo.somebody(kind="citizen", phones=[{"carrier": "vinaphone"}], sim=True)
    number, pin = person["sim"]["number"], person["sim"]["pin"]
    opens(demo, page, "Công dân", "SIM ký số")
    accessible(page)
    page.get_by_label("Nhà mạng").select_option("vinaphone")
    page.get_by_label("Số điện thoại").fill(number)
    page.locator("[name=captcha]").fill("12345")
    press(page, "ĐĂNG KÝ")
    accessible(page)
    shown = page.locator("#verification-code").inner_text()
    prompts = httpx.get(f"{demo.sandbox}/sim/{number}", headers={"Accept": "*/*"}).json()
    assert [prompt["verification_code"] for prompt in prompts] == [shown]
    assert demo.tell(f"/sim/{number}/confirm", pin=pin).status_code == 200
    expect(page.get_by_text("Chào mừng bạn")).to_be_visible()
    press(page, "ĐĂNG KÝ")
    expect(page.get_by_text("Đăng ký thành công")).to_be_visible()

    page.goto(f"http://localhost:{demo.base + 202}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("link", name="Sim ký số").click()
    page.get_by_label("Số điện thoại").fill(number)
    page.get_by_label("Nhà mạng").select_option("vinaphone")
    page.locator("[name=captcha]").fill("12345")
    press(page, "ĐĂNG NHẬP")
    demo.tell(f"/sim/{number}/confirm", pin=pin)
    press(page, "Tiếp tục")

    expect(page.get_by_text("ial3")).to_be_visible()


def test_refused_on_the_phone_is_told(demo: Demo, page: Page) -> None:
    person = demo.somebody(kind="citizen", phones=[{"carrier": "viettel"}], sim=True)
    opens(demo, page, "Công dân", "SIM ký số")
    page.get_by_label("Nhà mạng").select_option("viettel")
    page.get_by_label("Số điện thoại").fill(person["sim"]["number"])
    page.locator("[name=captcha]").fill("12345")
    press(page, "ĐĂNG KÝ")
    demo.tell(f"/sim/{person['sim']['number']}/cancel")

    expect(page.get_by_role("alert").get_by_text("Bạn đã từ chối trên điện thoại")).to_be_visible()


def rings(demo: Demo, page: Page, person: dict[str, Any]) -> str:
    """The form of the signing SIM, sent; answers the number that rings."""
    number = str(person["sim"]["number"])
    opens(demo, page, "Công dân", "SIM ký số")
    page.get_by_label("Nhà mạng").select_option("viettel")
    page.get_by_label("Số điện thoại").fill(number)
    page.locator("[name=captcha]").fill("12345")
    press(page, "ĐĂNG KÝ")
    expect(page.locator("#verification-code")).to_be_visible()
    return number


def test_a_ca_that_is_away_is_told_to_who_waits_for_the_phone_and_the_wait_goes_on(
    demo: Demo, page: Page
) -> None:
    person = demo.somebody(kind="citizen", phones=[{"carrier": "viettel"}], sim=True)
    number = rings(demo, page, person)
    demo.tell("/faults", system="ocsp", mode="down", seconds=60)
    try:
        demo.tell(f"/sim/{number}/confirm", pin=person["sim"]["pin"])
        status = page.get_by_role("status")
        expect(status.get_by_text("chưa kiểm tra được chứng thư số")).to_be_visible()
        expect(page.get_by_role("link", name="Chọn phương thức đăng ký khác")).to_be_visible()
        accessible_while_waiting(page)
    finally:
        httpx.delete(f"{demo.sandbox}/faults")

    expect(page.get_by_text("Chào mừng bạn")).to_be_visible()


def accessible_while_waiting(page: Page) -> None:
    """The page asks every other second: there is no quiet network to wait for."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    ("sim", "text"),
    [({"state": "expired"}, "đã hết hạn ngày"), ({"holder": "nobody"}, "không ghi rõ")],
    ids=["expired", "nobody"],
)
def test_a_bad_certificate_in_a_sim_is_refused_with_its_reason(
    demo: Demo, page: Page, sim: dict[str, str], text: str
) -> None:
    person = demo.somebody(kind="citizen", phones=[{"carrier": "viettel"}], sim=sim)
    number = rings(demo, page, person)
    demo.tell(f"/sim/{number}/confirm", pin=person["sim"]["pin"])

    expect(page.get_by_role("alert").get_by_text(text)).to_be_visible()
    assert page.get_by_label("Số điện thoại").input_value() == number
