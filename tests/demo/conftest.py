"""One running demo and one browser for all tests of this folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bridge.conftest import shim  # noqa: F401  the driver that locks, for these tests too
from tests.support.chromium import program
from tests.support.ports import free_base

ROOT = Path(__file__).parents[2]
PASSWORD = "Sông-Hồng-2026-xanh"


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
        found = self.somebody(kind="citizen")
        return {**found, "phone": found["phones"][0]["number"]}

    def somebody(self, **fields: Any) -> dict[str, Any]:
        """A new person, enterprise or agency."""
        answer = httpx.post(f"{self.sandbox}/people", json=fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def tell(self, path: str, **fields: Any) -> httpx.Response:
        """Something that a person does outside the browser."""
        return httpx.post(f"{self.sandbox}{path}", json=fields, timeout=20)

    def code(self, phone: str, count: int) -> str:
        for _ in range(300):
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


@contextlib.contextmanager
def started(data: Path, *arguments: str) -> Iterator[Demo]:
    """The demo, as a person starts it."""
    for _ in range(3):
        base = free_base()
        process = _demo(base, data, *arguments)
        assert process.stdout
        said = next((line for line in process.stdout if line.startswith("READY")), "")
        if said or "Address already in use" not in (data / "log.txt").read_text():
            break  # else another program was faster: as a person would, take other ports
    assert said == f"READY http://localhost:{base}\n", (data / "log.txt").read_text()
    yield Demo(base, data, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def _demo(base: int, data: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "idp.cli", "demo", "--data", str(data), *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
    return subprocess.Popen(
        [*command, "--port-base", str(base)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with started(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = program()
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


_VIOLATIONS = {"resultTypes": ["violations"]}
"""What holds is not described, element by element."""


def accessible(page: Page) -> None:
    # What was pressed before may still be leading here: axe needs a document that stays.
    page.wait_for_load_state("networkidle")
    found = Axe().run(page, options=_VIOLATIONS)
    assert found.violations_count == 0, found.generate_report()
