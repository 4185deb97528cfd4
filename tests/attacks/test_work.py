"""Much work for little: what anybody may ask for without an account (CWE-400)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from idp.domain.errors import Busy
from idp.web.captcha import Challenger
from idp.web.i18n import Language
from tests.support.house import Browser, House


class Slow:
    """A speaker who does not stop before the test says so."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def generate(self, _answer: str) -> bytes:
        self.begun.set()
        assert self.may_end.wait(10)
        return b"RIFF"


def test_one_captcha_is_spoken_at_a_time_and_nobody_waits_for_it() -> None:
    speaker: Any = Slow()
    challenger = Challenger(_speakers={Language.VI: speaker})
    thread = threading.Thread(target=challenger.sound, args=("13579", Language.VI))
    thread.start()
    assert speaker.begun.wait(10)

    with pytest.raises(Busy):
        challenger.sound("13579", Language.VI)

    speaker.may_end.set()
    thread.join(10)
    assert challenger.sound("13579", Language.VI) == b"RIFF"


def listens(browser: Browser) -> int:
    path = browser.path.replace("/forgot/", "/captcha/recovery/")
    return browser.client.get(f"{path}.wav").status_code


@pytest.fixture
def quick(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Speaking costs nothing here."""
    monkeypatch.setattr(Challenger, "sound", lambda *_: b"RIFF")
    return house


def test_a_captcha_is_spoken_ten_times_in_a_journey(quick: House) -> None:
    browser = quick.browser()
    browser.get("/forgot")

    assert [listens(browser) for _ in range(11)] == [200] * 10 + [429]


def test_a_network_hears_so_many_captchas_in_an_hour(quick: House) -> None:
    heard = []
    for _ in range(13):
        browser = quick.browser()
        browser.get("/forgot")
        heard += [listens(browser) for _ in range(10)]

    assert heard == [200] * 120 + [429] * 10
