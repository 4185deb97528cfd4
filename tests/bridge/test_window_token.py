"""The window over a token that counts tries: from the page's question to its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from idp.bridge.contract import ToolError
from idp.bridge.protocol import Tool
from idp.bridge.window import WindowPrompt
from idp.domain import web_eid
from tests.bridge.kit import NONCE, ORIGIN, PIN
from tests.bridge.screen import Screen, screen, until


@dataclass
class Desk:
    """Somebody at a screen with a token plugged in."""

    tool: Tool
    screen: Screen
    pool: ThreadPoolExecutor

    def asked(self) -> Future[dict[str, Any]]:
        """A page has asked, and the window is there."""
        answer = self.pool.submit(self.tool.authenticate, ORIGIN, NONCE)
        until(lambda: self.screen.shows("Danh sách chứng thư số") or answer.done())
        return answer

    def types(self, pin: str) -> Future[dict[str, Any]]:
        answer = self.asked()
        self.screen.press("Return")
        until(lambda: self.screen.shows("Kiểm tra mã PIN"))
        self.screen.type(pin)
        self.screen.press("Return")
        return answer


@pytest.fixture
def desk(
    driver: list[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    with ThreadPoolExecutor(1) as pool, screen(tmp_path_factory.mktemp("screen")) as made:
        monkeypatch.setenv("DISPLAY", made.display)
        yield Desk(Tool((ORIGIN,), driver, WindowPrompt()), made, pool)


def told(answer: Future[dict[str, Any]]) -> dict[str, Any]:
    with pytest.raises(ToolError) as caught:
        answer.result(60)
    return caught.value.as_json()


def test_the_right_pin_in_the_window_signs_for_the_site(desk: Desk) -> None:
    answer = desk.types(PIN).result(60)

    web_eid.verify(web_eid.read(json.dumps(answer)), origin=ORIGIN, nonce=NONCE)


def test_wrong_pins_are_told_with_what_is_left_until_the_token_is_locked(desk: Desk) -> None:
    states = []
    for _ in range(3):
        answer = told(desk.types("0000"))
        assert answer["code"] == "pin_incorrect"
        states.append(answer["pin_state"])
    assert states == ["count_low", "final_try", "locked"]

    assert told(desk.asked()) == {"code": "pin_locked"}


def test_closing_the_window_is_told_and_costs_no_try(desk: Desk) -> None:
    answer = desk.asked()
    desk.screen.press("Escape")

    assert told(answer) == {"code": "user_cancelled"}
    assert desk.tool.list_certificates(desk.tool.modules)[0].pin_state == "ok"
