"""The demo as people and programs start it: real processes, real browser, real wire."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.demo.conftest import PASSWORD, Demo, accessible

pytestmark = pytest.mark.xdist_group("demo")


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


def test_only_the_named_algorithms_rotate_and_a_strange_one_is_a_sentence(demo: Demo) -> None:
    def keys() -> set[tuple[str, str]]:
        lines = demo.idp("keys", "list").stdout.splitlines()
        return {(line.split()[0], line.split()[1]) for line in lines}

    before = keys()

    done = demo.idp("keys", "rotate", "--alg", "RSA-OAEP")

    assert done.returncode == 0, done.stderr
    assert {alg for _, alg in keys() - before} <= {"RSA-OAEP"}
    for strange in ("none", "HS256", "", "../x", "ĐES"):
        refused = demo.idp("keys", "rotate", "--alg", strange)
        assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert {alg for _, alg in keys() - before} <= {"RSA-OAEP"}


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
    people = httpx.get(f"{demo.sandbox}/people", headers={"Accept": "application/json"}).json()
    # Agencies stand in a public directory; their names and codes are nobody's secret.
    for person in (each for each in people if each["kind"] != "agency"):
        for secret in (person["id_number"], person["tax_code"], person["full_name"]):
            assert not secret or secret.encode() not in found
