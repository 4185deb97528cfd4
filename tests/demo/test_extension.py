"""Registering in the demo with the browser extension: the tool on 127.0.0.1 is not asked."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import expect

from idp.sandbox import tokens
from tests.bridge import extended
from tests.bridge.screen import screen, until
from tests.demo.conftest import Demo
from tests.support.postgres import require

pytestmark = pytest.mark.xdist_group("demo")


def test_a_citizen_registers_by_usb_through_the_extension(demo: Demo, tmp_path: Path) -> None:
    driver = tokens.driver()
    require("softhsm", found=bool(driver), how="apt-get install softhsm2")
    person = demo.somebody(kind="citizen", usb=True)
    assert demo.tell("/usb/insert", person=person).status_code == 200
    reader = str(demo.data / "sandbox" / "usb" / "softhsm2.conf")
    (tmp_path / "screen").mkdir()

    with screen(tmp_path / "screen") as shown:
        around = {"DISPLAY": shown.display, "SOFTHSM2_CONF": reader}
        with extended.chromium(tmp_path, demo.issuer, [str(driver)], around) as context:
            page = context.new_page()
            page.goto(f"{demo.issuer}/register")
            page.locator("form.panel:visible").get_by_role("button", name="USB ký số").click()
            page.get_by_role("button", name="ĐĂNG KÝ", exact=True).click()
            until(lambda: shown.shows("Danh sách chứng thư số"), 40)
            assert httpx.get(f"{demo.sandbox}/usb").json()["dialogue"] is None
            shown.press("Return")
            until(lambda: shown.shows("Kiểm tra mã PIN"))
            shown.type(person["usb"]["pin"])
            shown.press("Return")
            expect(page.get_by_text("Chào mừng bạn đến với Cổng")).to_be_visible(timeout=40_000)
            page.get_by_role("button", name="ĐĂNG KÝ", exact=True).click()
            expect(page.get_by_text("Đăng ký thành công")).to_be_visible(timeout=20_000)
