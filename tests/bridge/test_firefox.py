"""The extension in a real Firefox: page, extension, native tool, window, token."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from idp.bridge import child
from idp.domain import web_eid
from tests.bridge.kit import NONCE, PIN
from tests.bridge.screen import Screen, screen, until
from tests.bridge.test_extension import served
from tests.support import firefox as firefoxes
from tests.support.firefox import Firefox

TOLD = "return document.querySelector('[data-alert]')?.innerText ?? ''"
TOKEN = "return new URL(location.href).searchParams.get('token') ?? ''"


@dataclass
class Computer:
    """Firefox with the extension, a screen for the tool's window, a token; and two sites."""

    firefox: Firefox
    screen: Screen
    origin: str
    other: str


@pytest.fixture
def computer(
    driver: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Computer]:
    home = tmp_path / "home"
    for folder in (home, tmp_path / "site"):
        folder.mkdir()
    sites = [served(tmp_path / "site") for _ in range(2)]
    ours, other = (f"http://localhost:{site.server_port}" for site in sites)
    around = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    for arguments in (
        ("extension", "--origin", ours, "--to", str(home / "extension")),
        ("install-host", "--browser", "firefox", "--origin", ours, "--module", *driver),
    ):
        subprocess.run(child.itself(*arguments), env=around, check=True, capture_output=True)
    with (
        screen(tmp_path_factory.mktemp("screen")) as shown,
        firefoxes.started(home, {"DISPLAY": shown.display}) as firefox,
    ):
        firefox.adds(home / "extension")
        yield Computer(firefox, shown, ours, other)
    for site in sites:
        site.shutdown()
        site.server_close()


def types(computer: Computer, pin: str) -> None:
    until(lambda: computer.screen.shows("Danh sách chứng thư số"), 40)
    computer.screen.press("Return")
    until(lambda: computer.screen.shows("Kiểm tra mã PIN"))
    computer.screen.type(pin)
    computer.screen.press("Return")


def test_in_firefox_a_page_is_signed_for_and_another_origin_gets_nothing(
    computer: Computer,
) -> None:
    firefox = computer.firefox
    firefox.opens(f"{computer.other}/index.html")
    until(lambda: bool(firefox.runs(TOLD)), 40)
    assert firefox.runs(TOLD) == "origin_not_allowed"
    assert not computer.screen.shows("Danh sách chứng thư số")

    firefox.opens(f"{computer.origin}/index.html")
    types(computer, "0000")
    until(lambda: bool(firefox.runs(TOLD)), 40)
    assert firefox.runs(TOLD) == "pin_incorrect"
    firefox.opens(f"{computer.origin}/index.html")
    types(computer, PIN)
    until(lambda: bool(firefox.runs(TOKEN)), 40)

    token = firefox.runs(TOKEN)
    web_eid.verify(web_eid.read(token), origin=computer.origin, nonce=NONCE)
