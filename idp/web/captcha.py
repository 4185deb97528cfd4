"""The captcha: five digits as a picture or as speech, with the same weight (WCAG 2.2, 3.3.8).

Never the only defence, and never twice in one journey. The answer is kept on the server, with the
transaction; it is spent by the first comparison. Digits only, because only digits are spoken.

Vietnamese is spoken by the files under ``voices/vi`` (see its README), English by the voices that
come with the ``captcha`` package.
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from captcha.audio import AudioCaptcha
from captcha.image import ImageCaptcha

from idp.domain.errors import Busy
from idp.web.i18n import Language

ALPHABET: Final = "0123456789"
PICTURE_TYPE: Final = "image/png"
SOUND_TYPE: Final = "audio/wav"
WIDTH, HEIGHT = 200, 80

_VOICES = Path(__file__).with_name("voices")
_PAPER = (255, 255, 255)
_DASHES = str.maketrans("", "", " .-")


def _ink() -> tuple[int, int, int, int]:
    """A dark colour: the package's own choice can be too pale to read."""
    red, green, blue = (secrets.randbelow(110) for _ in range(3))
    return (red, green, blue, 255)


@cache
def _speakers() -> dict[Language, AudioCaptcha]:
    """Loaded here, once: the package's own loading at first use is not safe between threads."""
    speakers = {
        Language.VI: AudioCaptcha(voicedir=str(_VOICES / Language.VI)),
        Language.EN: AudioCaptcha(),
    }
    for speaker in speakers.values():
        speaker.load()
    return speakers


@dataclass(frozen=True, slots=True)
class Challenger:
    """Makes answers and shows them."""

    length: int = 5
    _speakers: dict[Language, AudioCaptcha] = field(default_factory=_speakers)
    _mouth: Lock = field(default_factory=Lock)

    def new_answer(self) -> str:
        """An answer nobody can foresee."""
        return "".join(secrets.choice(ALPHABET) for _ in range(self.length))

    def picture(self, answer: str) -> bytes:
        """The answer as a PNG (about 7 ms)."""
        painter = ImageCaptcha(width=WIDTH, height=HEIGHT)
        return painter.generate(answer, bg_color=_PAPER, fg_color=_ink()).getvalue()

    def sound(self, answer: str, language: Language) -> bytes:
        """The answer as a WAV, spoken in ``language`` over noise (about 0.3 s of work).

        Raises ``Busy`` while another one is made: whoever asks for many must not hold every thread.
        """
        if not self._mouth.acquire(blocking=False):
            raise Busy
        try:
            return bytes(self._speakers[language].generate(answer))
        finally:
            self._mouth.release()


def is_right(expected: str, typed: str, *, test_answer: str = "") -> bool:
    """Compare in constant time; ``test_answer`` (demo only) is as good as ``expected``.

    An empty ``expected`` (spent, or expired) is never right.
    """
    given = _canonical(typed)
    accepted = [answer for answer in (expected, test_answer) if answer]
    hits = [hmac.compare_digest(_canonical(answer), given) for answer in accepted]
    return bool(expected) and any(hits)


def _canonical(answer: str) -> bytes:
    return unicodedata.normalize("NFKC", answer).translate(_DASHES).casefold().encode()
