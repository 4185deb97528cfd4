"""The extension in a real Chromium: page, extension, native tool, window, token."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from idp.domain import web_eid
from idp.web import journey
from tests.bridge.extended import chromium, manifest
from tests.bridge.kit import NONCE, PIN
from tests.bridge.screen import Screen, screen, until

SCRIPT = Path(journey.__file__).parent / "static" / "js" / "sign.js"
STATES = ("absent", "token_error", "user_cancelled", "origin_not_allowed", "pin_incorrect",
          "pin_final_try", "pin_locked", "no_token")  # fmt: skip
PAGE = f"""<!doctype html><meta charset=utf-8><title>x</title>
<form method=get action=/taken.html data-sign data-nonce={NONCE} data-tools="">
<input type=hidden name=token><p data-waiting hidden></p><div role=alert data-alert></div>
{"".join(f"<template data-state={s}><p>{s}</p></template>" for s in STATES)}</form>
<script type=module src=/sign.js></script>"""


class _Site(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def served(folder: Path) -> http.server.ThreadingHTTPServer:
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "taken.html").write_text("", encoding="utf-8")
    shutil.copy(SCRIPT, folder / "sign.js")
    handler = functools.partial(_Site, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@dataclass
class Computer:
    """A person's computer: browser with extension, screen, token; and two sites."""

    context: BrowserContext
    screen: Screen
    origin: str
    other: str
    host: Path

    def opens(self, origin: str) -> Page:
        page = self.context.new_page()
        page.goto(f"{origin}/index.html")
        return page

    def types(self, pin: str) -> None:
        until(lambda: self.screen.shows("Danh sách chứng thư số"), 40)
        self.screen.press("Return")
        until(lambda: self.screen.shows("Kiểm tra mã PIN"))
        self.screen.type(pin)
        self.screen.press("Return")


@pytest.fixture
def computer(
    driver: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Computer]:
    (tmp_path / "site").mkdir()
    sites = [served(tmp_path / "site") for _ in range(2)]
    ours, other = (f"http://localhost:{site.server_port}" for site in sites)
    place = tmp_path_factory.mktemp("screen")
    with (
        screen(place) as shown,
        chromium(tmp_path, ours, driver, {"DISPLAY": shown.display}) as context,
    ):
        yield Computer(context, shown, ours, other, manifest(tmp_path))
    for site in sites:
        site.shutdown()
        site.server_close()


def alert(page: Page) -> str:
    page.wait_for_function("document.querySelector('[data-alert]').innerText !== ''")
    return page.inner_text("[data-alert]")


def asks(page: Page, message: dict[str, Any]) -> Any:
    """What a page's own script gets within two seconds."""
    script = """message => new Promise(resolve => {
      addEventListener("message", ({data}) => {
        // The page asks a question of its own as well.
        if (data.from && data.id === message.id) resolve(data.answer);
      });
      postMessage(message, location.origin);
      setTimeout(resolve, 2000, "nothing");
    })"""
    return page.evaluate(script, message)


def test_a_page_is_signed_for_through_the_extension(computer: Computer) -> None:
    page = computer.opens(computer.origin)
    assert page.locator("html").get_attribute("data-signing-tool")
    computer.types(PIN)

    page.wait_for_url("**/taken.html?token=*")
    token = page.evaluate("new URL(location.href).searchParams.get('token')")
    web_eid.verify(web_eid.read(token), origin=computer.origin, nonce=NONCE)


def test_a_wrong_pin_and_a_cancel_come_back_through_the_extension(computer: Computer) -> None:
    page = computer.opens(computer.origin)
    computer.types("0000")
    assert alert(page) == "pin_incorrect"

    page.reload()
    computer.types("0000")
    assert alert(page) == "pin_final_try"

    page.reload()
    until(lambda: computer.screen.shows("Danh sách chứng thư số"), 40)
    computer.screen.press("Escape")
    assert alert(page) == "user_cancelled"


def test_the_page_tells_the_last_try_and_the_lock_and_a_locked_token_opens_no_window(
    computer: Computer,
) -> None:
    page = computer.opens(computer.origin)
    told = []
    for _ in range(3):
        computer.types("0000")
        told.append(alert(page))
        page.reload()
    told.append(alert(page))

    assert told == ["pin_incorrect", "pin_final_try", "pin_locked", "pin_locked"]
    assert not computer.screen.shows("Danh sách chứng thư số")


def test_another_origin_on_the_same_host_gets_nothing_and_nobody_is_asked(
    computer: Computer,
) -> None:
    page = computer.opens(computer.other)

    assert alert(page) == "origin_not_allowed"
    said = {"to": "signing-tool", "id": "1", "challengeNonce": NONCE, "origin": computer.origin,
            "command": "authenticate", "arguments": {"origin": computer.origin}}  # fmt: skip
    assert asks(page, said) == {"code": "origin_not_allowed"}
    assert not computer.screen.shows("Danh sách chứng thư số")


def test_a_page_of_another_host_does_not_even_see_the_extension(computer: Computer) -> None:
    page = computer.opens(computer.origin.replace("localhost", "127.0.0.1"))

    assert alert(page) == "absent"
    assert page.locator("html").get_attribute("data-signing-tool") is None
    assert asks(page, {"to": "signing-tool", "id": "1", "challengeNonce": NONCE}) == "nothing"


@pytest.mark.parametrize("nonce", [None, 5, "x" * 200_000, {"origin": "https://evil.example"}])
def test_hostile_questions_stop_in_the_extension(computer: Computer, nonce: Any) -> None:
    computer.host.unlink()  # nothing but the extension is there to answer
    page = computer.opens(computer.origin)

    answer = asks(page, {"to": "signing-tool", "id": "1", "challengeNonce": nonce})

    assert answer == {"code": "invalid_argument"}


def test_without_the_tool_the_page_goes_on_to_look_on_127_0_0_1(computer: Computer) -> None:
    computer.host.unlink()
    page = computer.opens(computer.origin)

    assert alert(page) == "absent"


def test_inside_a_frame_the_extension_serves_nobody(computer: Computer) -> None:
    page = computer.opens(computer.other)
    alert(page)
    page.evaluate(
        """address => { const frame = document.createElement("iframe");
           frame.src = address; document.body.append(frame); }""",
        f"{computer.origin}/index.html",
    )
    page.wait_for_function("frames.length === 1")
    frame = page.frames[1]
    frame.wait_for_selector("form", state="attached")

    assert frame.evaluate("document.documentElement.dataset.signingTool ?? null") is None
