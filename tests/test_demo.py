"""The demo as people and programs start it: real processes, real browser, real wire."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.postgres import require

ROOT = Path(__file__).parents[1]
PASSWORD = "Sông-Hồng-2026-xanh"
pytestmark = pytest.mark.xdist_group("demo")


@dataclass
class Demo:
    base: int
    data: Path
    process: subprocess.Popen[str]

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.base}"

    @property
    def sandbox(self) -> str:
        return f"http://localhost:{self.base + 100}"

    def person(self) -> dict[str, str]:
        found = httpx.post(f"{self.sandbox}/people", json={"kind": "citizen"}).json()
        return {**found, "phone": found["phones"][0]["number"]}

    def code(self, phone: str, count: int) -> str:
        for _ in range(100):
            found = httpx.get(
                f"{self.sandbox}/sms", params={"to": phone}, headers={"Accept": "application/json"}
            ).json()
            if len(found) >= count:
                return str(found[0]["code"])
            time.sleep(0.1)
        raise AssertionError("no message came")

    def idp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "idp.cli", "--config", str(self.data / "config.toml")]
        return subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )


def free_base() -> int:
    # Below the ports that outgoing connections take; by chance, as other runs look as well.
    for base in random.sample(range(11000, 31000, 400), 50):
        for offset in (0, 1, 100, 201, 202):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", base + offset)) == 0:
                    break
        else:
            return base
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data, base = tmp_path_factory.mktemp("demo"), free_base()
    command = [sys.executable, "-m", "idp.cli", "demo", "--data", str(data)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
    process = subprocess.Popen(
        [*command, "--port-base", str(base)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout
    for line in process.stdout:
        if line.startswith("READY"):
            assert line == f"READY http://localhost:{base}\n"
            break
    else:
        raise AssertionError((data / "log.txt").read_text())
    running = Demo(base, data, process)
    yield running
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    require("chromium", found=bool(path), how="apt-get install chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def register(demo: Demo, page: Page, person: dict[str, str]) -> None:
    page.goto(demo.issuer)
    page.get_by_role("button", name="Đăng ký").click()
    page.get_by_role("button", name="Thuê bao di động").click()
    accessible(page)
    page.get_by_label("Tên đăng nhập (Số CMT/CCCD)").fill(person["id_number"])
    page.get_by_label("Họ tên").fill(person["full_name"])
    page.get_by_label("Ngày sinh").fill(person["birth_date"])
    page.get_by_label("Số điện thoại").fill(person["phone"])
    page.locator("[name=captcha]").fill("12345")
    page.locator("main button.primary").click()
    accessible(page)
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 1))
    page.get_by_role("button", name=re.compile("xác nhận", re.IGNORECASE)).click()
    accessible(page)
    page.get_by_label("Nhập mật khẩu").fill(PASSWORD)
    page.get_by_label("Xác nhận mật khẩu").fill(PASSWORD)
    page.locator("main button.primary").click()
    accessible(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["with_js", "without_js"])
def test_a_citizen_registers_and_signs_in_at_both_portals(
    demo: Demo, chromium: Browser, javascript: bool
) -> None:
    scheme = "light" if javascript else "dark"
    # axe is itself a script, so the page without JavaScript is walked, not measured.
    context = chromium.new_context(
        locale="vi-VN",
        color_scheme=scheme,
        java_script_enabled=javascript,
        viewport={"width": 1280 if javascript else 320, "height": 800},
    )
    page, person = context.new_page(), demo.person()
    page.set_default_timeout(10_000)
    if not javascript:
        register_plainly(demo, page, person)
    else:
        register(demo, page, person)

    page.goto(f"http://localhost:{demo.base + 201}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    if javascript:
        accessible(page)
    page.get_by_label("Tên đăng nhập").fill(person["id_number"])
    page.locator("[autocomplete=current-password]").fill(PASSWORD)
    page.locator("main button.primary").click()
    page.locator("[autocomplete=one-time-code]").fill(demo.code(person["phone"], 2))
    page.locator("main button.primary").click()
    page.get_by_role("button", name="Tiếp tục").click()
    assert person["full_name"] in page.inner_text("body")
    page.goto(f"http://localhost:{demo.base + 202}")
    page.get_by_role("link", name="Đăng nhập").first.click()
    page.get_by_role("button", name="Tiếp tục").click()
    assert "ial2" in page.inner_text("body")
    page.goto(f"{demo.issuer}/account")
    assert person["id_number"] in page.inner_text("body")
    context.close()


def register_plainly(demo: Demo, page: Page, person: dict[str, str]) -> None:
    page.goto(f"{demo.issuer}/register")
    page.get_by_role("button", name="Thuê bao di động").click()
    for name, value in (
        ("username", person["id_number"]),
        ("full_name", person["full_name"]),
        ("birth_date", person["birth_date"]),
        ("phone", person["phone"]),
        ("captcha", "12345"),
    ):
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button.primary").click()
    page.locator("[name=code]").fill(demo.code(person["phone"], 1))
    page.locator("main button.primary").click()
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password_again]").fill(PASSWORD)
    page.locator("main button.primary").click()


def test_health_and_metrics_answer_on_the_management_port(demo: Demo) -> None:
    management = f"http://localhost:{demo.base + 1}"

    answers = [
        httpx.get(f"{management}{path}") for path in ("/health/live", "/health/ready", "/metrics")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "idp_outbox_oldest_seconds" in answers[2].text


def test_commands_work_on_the_running_demo(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    metadata = {"client_name": "Thử", "redirect_uris": ["http://localhost:1/cb"]}
    file.write_text(json.dumps(metadata))

    registered = demo.idp("clients", "register", "--json", str(file))
    answer = json.loads(registered.stdout)
    kept = demo.idp("clients", "apply", "--dry-run", "--folder", str(tmp_path))

    assert answer["client_secret"]
    assert "0 would change" in kept.stdout
    for command in (["keys", "list"], ["keys", "rotate"], ["config", "check"], ["purge"],
                    ["db", "upgrade"], ["audit", "verify"]):  # fmt: skip
        done = demo.idp(*command)
        assert done.returncode == 0, done.stderr


def test_bad_client_metadata_is_a_sentence(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    for text in ("{", "3", '{"redirect_uris": ["http://evil.example/"]}', '{"redirect_uris": 3}'):
        file.write_text(text)

        done = demo.idp("clients", "register", "--json", str(file))

        assert done.returncode == 1
        assert "Traceback" not in done.stderr


def test_secrets_are_not_in_the_log_or_the_database(demo: Demo) -> None:
    files = [demo.data / "log.txt", *demo.data.glob("idp.sqlite*")]
    found = b"".join(path.read_bytes() for path in files)

    assert PASSWORD.encode() not in found
    for person in httpx.get(
        f"{demo.sandbox}/people", headers={"Accept": "application/json"}
    ).json():
        assert person["id_number"].encode() not in found
        assert person["full_name"].encode() not in found
