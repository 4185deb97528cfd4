"""The window on a real screen: what it shows, and that hand or keyboard alone are enough."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.kit import ORIGIN
from tests.bridge.screen import Screen, Window, screen, until

HUONG, COMPANY = "NGUYỄN THỊ HƯƠNG GIANG", "CÔNG TY TNHH MỘT THÀNH VIÊN ĐƯỜNG SẮT VIỆT NAM"
LIST, PIN = "Danh sách chứng thư số", "Kiểm tra mã PIN"


def shown(subject: str = HUONG, **changes: str) -> dict[str, str]:
    """A certificate as the tool hands it to the window."""
    plain = {"subject": subject, "issuer": "NEWTEL-CA v2", "serial": "4655e2f",
             "valid_from": "26/10/2026", "valid_to": "25/11/2999", "pin_state": "ok"}  # fmt: skip
    return {**plain, **changes}


def question(*certificates: dict[str, str], language: str = "vi") -> dict[str, Any]:
    found = list(certificates) or [shown()]
    return {"origin": ORIGIN, "language": language, "certificates": found}


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with screen(tmp_path_factory.mktemp("screen")) as made:
        yield made


@pytest.fixture
def window(display: Screen, tmp_path: Path) -> Iterator[Window]:
    made = Window(display, tmp_path)
    yield made
    made.close()


def test_the_keyboard_alone_is_enough_and_no_click_is_needed_first(window: Window) -> None:
    window.open(question(shown(), shown(COMPANY)))

    window.screen.press("Down", "Return")
    window.waits_for(PIN)
    window.screen.type("4711aZ")
    window.screen.press("Return")

    assert window.answer() == {"number": 1, "pin": "4711aZ"}


def test_the_mouse_alone_is_enough_with_the_keyboard_on_the_screen(window: Window) -> None:
    window.open(question(shown(), shown(COMPANY)))

    window.click(COMPANY)
    window.click("OK")
    window.click("Sử dụng bàn phím ảo")
    for key in ("4", "7", "9", "⌫", "1", "b", "⇧", "Q", "!", "⇧", "x"):
        window.click(key)
    window.click("Đăng nhập")

    assert window.answer() == {"number": 1, "pin": "471bQ!x"}


def test_the_site_stands_over_the_certificates_and_over_the_pin(window: Window) -> None:
    window.open(question())

    assert ORIGIN in window.texts()
    assert f"{HUONG}\nNơi cấp: NEWTEL-CA v2\nHiệu lực: 26/10/2026 đến 25/11/2999" in window.texts()
    window.screen.press("Return")
    window.waits_for(PIN)
    assert ORIGIN in window.texts()
    assert HUONG in window.texts()
    assert window.now()["title"] == PIN
    assert window.now()["topmost"]


@pytest.mark.parametrize(
    ("state", "warning"),
    [("count_low", "Mã PIN đã bị nhập sai. Còn ít lần thử."),
     ("final_try", "Đây là lần thử cuối cùng trước khi thiết bị bị khóa.")],
)  # fmt: skip
def test_the_tries_left_are_told_before_a_pin_is_typed(
    window: Window, state: str, warning: str
) -> None:
    window.open(question(shown(pin_state=state)))
    window.screen.press("Return")
    window.waits_for(PIN)

    assert warning in window.texts()


def test_an_untried_pin_has_no_warning(window: Window) -> None:
    window.open(question())
    window.screen.press("Return")
    window.waits_for(PIN)

    texts = window.texts()
    assert texts[texts.index("Nơi cấp: NEWTEL-CA v2") + 1] == "Xác nhận mã PIN:"


def test_a_locked_certificate_is_shown_with_the_way_on_and_cannot_be_chosen(
    window: Window,
) -> None:
    window.open(question(shown(), shown(COMPANY, pin_state="locked"), shown("BA")))
    assert "liên hệ nơi cấp chứng thư số" in "".join(window.texts())

    window.click(COMPANY)
    window.screen.press("Down", "Return")
    window.waits_for("BA")
    window.screen.type("1")
    window.screen.press("Return")

    assert window.answer() == {"number": 2, "pin": "1"}


def test_when_every_certificate_is_locked_only_no_is_left(window: Window) -> None:
    window.open(question(shown(pin_state="locked")))

    assert window.place("OK")["state"] == "disabled"
    window.click("Hủy")
    assert window.answer() is None


def test_an_expired_certificate_says_so(window: Window) -> None:
    window.open(question(shown(valid_to="01/01/2020")))

    assert "Chứng thư số đã hết hạn." in "".join(window.texts())


@pytest.mark.parametrize("keys", [["Escape"], ["Return", "Escape"]], ids=["list", "pin"])
def test_escape_means_no(window: Window, keys: list[str]) -> None:
    window.open(question())
    window.screen.press(*keys)

    assert window.answer() is None


def test_when_the_time_is_over_the_window_closes_with_a_no(window: Window) -> None:
    window.open(question(), seconds=2)
    window.screen.press("Return")

    assert window.answer() is None


def test_enter_without_a_pin_does_nothing(window: Window) -> None:
    window.open(question())
    window.screen.press("Return")
    window.waits_for(PIN)
    assert window.place("Đăng nhập")["state"] == "disabled"

    window.screen.press("Return")
    window.screen.type("1")
    until(lambda: window.place("Đăng nhập")["state"] == "normal")
    window.screen.press("Return")

    assert window.answer() == {"number": 0, "pin": "1"}


def test_going_back_forgets_what_was_typed(window: Window) -> None:
    window.open(question())
    window.screen.press("Return")
    window.waits_for(PIN)
    window.screen.type("0000")
    window.click("Quay lại")
    window.waits_for(LIST)
    window.screen.press("Return")
    window.waits_for(PIN)
    window.screen.type("1")
    window.screen.press("Return")

    assert window.answer() == {"number": 0, "pin": "1"}


def test_details_name_the_serial_number_and_lead_back(window: Window) -> None:
    window.open(question())

    window.click("Xem chi tiết")
    window.waits_for("Số sê-ri: 4655E2F")
    window.screen.press("Return")
    window.waits_for("Chọn chứng thư số của bạn")
    window.screen.press("Escape")

    assert window.answer() is None


def typed(window: Window, pin: str) -> set[bytes]:
    """Every picture of two seconds with that PIN in the field: its cursor blinks."""
    window.screen.type(pin)
    time.sleep(0.3)
    end, pictures = time.monotonic() + 2, set()
    while time.monotonic() < end:
        pictures.add(window.screen.pixels())
        time.sleep(0.05)
    window.screen.press(*["BackSpace"] * len(pin))
    return pictures


def test_no_picture_of_the_screen_tells_the_pin(window: Window) -> None:
    window.open(question())
    window.screen.press("Return")
    window.waits_for(PIN)

    ones, eights, longer = (typed(window, pin) for pin in ("1111", "8888", "11111"))

    assert ones & eights
    assert not ones & longer


def test_the_pin_cannot_be_copied_out_of_its_field(window: Window) -> None:
    import tkinter as tk  # noqa: PLC0415  where there is none this test is skipped before

    window.open(question())
    window.screen.press("Return")
    window.waits_for(PIN)
    window.screen.type("4711")
    window.screen.press("ctrl+a", "ctrl+c", "ctrl+x", "ctrl+a")
    other = tk.Tk(screenName=window.screen.display)
    for selection in ("CLIPBOARD", "PRIMARY"):
        with pytest.raises(tk.TclError):
            other.tk.call("selection", "get", "-selection", selection)
    other.destroy()


def test_many_certificates_scroll_and_fit_the_screen(window: Window) -> None:
    window.open(question(*(shown(f"NGƯỜI THỨ {number}") for number in range(12))))

    assert window.now()["fits"]
    window.screen.press(*["Down"] * 11, "Return")
    window.waits_for("NGƯỜI THỨ 11")


def test_the_window_grows_with_the_resolution_and_still_fits(tmp_path: Path) -> None:
    with screen(tmp_path, dpi=144) as sharp:
        window = Window(sharp, tmp_path).open(question(shown(COMPANY), shown()))
        assert window.now()["fits"]
        window.click("OK")
        window.click("Sử dụng bàn phím ảo")
        window.click("7")
        assert window.now()["fits"]
        window.click("Đăng nhập")
        assert window.answer() == {"number": 0, "pin": "7"}


def test_english_is_complete(window: Window) -> None:
    window.open(question(shown(pin_state="final_try"), language="en"))
    window.screen.press("Return")
    window.waits_for("PIN check")

    assert "This is the last try before the token locks itself." in window.texts()
    ours = "".join(window.texts()).replace(HUONG, "")
    assert ours.replace("⇧", "").replace("⌫", "").isascii()


def test_without_a_screen_the_tool_says_so(tmp_path: Path) -> None:
    from idp.bridge import child  # noqa: PLC0415

    done = subprocess.run(
        child.itself("--window"), input=b"{}", cwd=tmp_path, capture_output=True, check=False,
        env={**child.surroundings(), "DISPLAY": ""}, timeout=30,
    )  # fmt: skip

    assert done.stdout == b""
    assert done.returncode
