"""The signing tool over a driver that locks PINs, hangs, loses its token: a shim over SoftHSM."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from idp.bridge import child
from idp.bridge.contract import Choice, Found, ToolError
from idp.bridge.protocol import Tool
from idp.bridge.terminal import TerminalPrompt
from tests.bridge.kit import NONCE, ORIGIN, PIN


def tries(found: Found, pin: str) -> str:
    """What one click on Đăng nhập leads to."""
    try:
        child.sign(found, pin, b"message")
    except ToolError as error:
        return f"{error.code} {error.more.get('pin_state', '')}".strip()
    return "signed"


def listed(driver: list[str]) -> Found:
    [found] = child.list_certificates(driver)
    return found


def test_wrong_pins_count_down_to_the_final_try_and_lock(driver: list[str]) -> None:
    token = listed(driver)

    told = [tries(token, "0000") for _ in range(3)]

    assert told == [
        "pin_incorrect count_low",
        "pin_incorrect final_try",
        "pin_incorrect locked",
    ]
    assert tries(token, "0000") == "pin_locked"
    assert tries(token, PIN) == "pin_locked"


def test_the_state_of_the_pin_is_read_anew_before_each_question(driver: list[str]) -> None:
    seen = [listed(driver).pin_state]
    for _ in range(3):
        tries(listed(driver), "0000")
        seen.append(listed(driver).pin_state)

    assert seen == ["ok", "count_low", "final_try", "locked"]


def test_a_right_pin_starts_the_count_anew(driver: list[str]) -> None:
    token = listed(driver)
    tries(token, "0000")
    tries(token, "0000")

    assert tries(token, PIN) == "signed"
    assert listed(driver).pin_state == "ok"


class Impatient:
    """Somebody who always types the right PIN, and how often they were asked."""

    asked = 0

    def ask(self, origin: str, certificates: list[Found]) -> Choice:
        assert origin == ORIGIN
        assert certificates
        self.asked += 1
        return Choice(0, PIN)


def test_a_locked_token_is_told_and_its_pin_is_not_tried(driver: list[str], tmp_path: Path) -> None:
    (tmp_path / "count").write_text("3")

    with pytest.raises(ToolError, match="pin_locked"):
        Tool((ORIGIN,), driver, Impatient()).authenticate(ORIGIN, NONCE)
    assert (tmp_path / "count").read_text() == "3"


def test_a_driver_that_hangs_while_signing_is_given_up_and_the_tool_goes_on(
    driver: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Tool((ORIGIN,), driver, Impatient())
    monkeypatch.setattr(child, "SIGN_SECONDS", 2.0)
    monkeypatch.setenv("SHIM_SIGN", "hang")
    started = time.monotonic()
    with pytest.raises(ToolError, match="busy"):
        tool.authenticate(ORIGIN, NONCE)
    assert time.monotonic() - started < 20
    monkeypatch.delenv("SHIM_SIGN")
    monkeypatch.setattr(child, "SIGN_SECONDS", 60.0)

    assert tool.authenticate(ORIGIN, NONCE)["format"] == "web-eid:1.0"


def test_a_token_that_is_pulled_while_it_signs_is_told_and_works_when_it_is_back(
    driver: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = listed(driver)
    monkeypatch.setenv("SHIM_SIGN", "removed")
    assert tries(token, PIN) == "token_removed"
    monkeypatch.delenv("SHIM_SIGN")

    assert tries(token, PIN) == "signed"


def _sign_in_child(token: Found, results: multiprocessing.SimpleQueue[str]) -> None:
    results.put(tries(token, PIN))


def test_after_a_fork_parent_and_children_sign(driver: list[str]) -> None:
    """A driver that was loaded before a fork is dead in the child; here none is ever loaded."""
    token = listed(driver)
    assert tries(token, PIN) == "signed"
    forking = multiprocessing.get_context("fork")
    results = forking.SimpleQueue()
    for _ in range(3):
        child = forking.Process(target=_sign_in_child, args=(token, results))
        child.start()
        child.join(60)
        assert results.get() == "signed"

    assert tries(token, PIN) == "signed"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("count_low", "Còn ít lần thử"),
        ("final_try", "lần thử cuối cùng"),
        ("locked", "đã bị khóa"),
    ],
)
def test_the_terminal_warns_before_a_pin_is_typed(
    driver: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    state: str,
    text: str,
) -> None:
    tried = ("ok", "count_low", "final_try", "locked").index(state)
    Path(os.environ["SHIM_COUNT"]).write_text(str(tried))
    monkeypatch.setattr("builtins.input", lambda _: "1")
    monkeypatch.setattr("getpass.getpass", lambda _: PIN)

    choice = TerminalPrompt().ask(ORIGIN, [listed(driver)])

    shown = capsys.readouterr().out
    assert text in shown
    assert ORIGIN in shown
    assert choice == Choice(0, PIN)
