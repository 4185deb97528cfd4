"""The captcha: unforeseeable digits, drawn and spoken, compared once."""

from __future__ import annotations

import io
import wave

import pytest
from PIL import Image

from idp.web.captcha import Challenger, is_right
from idp.web.i18n import Language

CHALLENGER = Challenger()


def test_answers_are_digits_of_the_length_asked_for() -> None:
    answers = {Challenger(length=6).new_answer() for _ in range(20)}

    assert all(len(answer) == 6 and answer.isdigit() for answer in answers)
    assert len(answers) > 1


def test_the_picture_is_a_png_of_the_size_in_the_page() -> None:
    with Image.open(io.BytesIO(CHALLENGER.picture("13579"))) as picture:
        assert (picture.format, picture.height) == ("PNG", 80)
        assert picture.width >= 200


@pytest.mark.parametrize("language", Language)
def test_every_digit_can_be_spoken(language: Language) -> None:
    spoken = CHALLENGER.sound("0123456789", language)

    with wave.open(io.BytesIO(spoken)) as sound:
        assert sound.getnframes() / sound.getframerate() > 10


@pytest.mark.parametrize("typed", ["13579", " 13 579", "\uff11\uff13\uff15\uff17\uff19"])
def test_the_right_answer_is_right_however_it_is_typed(typed: str) -> None:
    assert is_right("13579", typed)


@pytest.mark.parametrize("typed", ["", "13570", "1357", "135799", "é"])
def test_a_wrong_answer_is_wrong(typed: str) -> None:
    assert not is_right("13579", typed)


def test_the_test_answer_is_right_only_where_it_is_configured() -> None:
    assert is_right("13579", "12345", test_answer="12345")
    assert not is_right("13579", "12345")


@pytest.mark.parametrize("typed", ["", "12345"])
def test_a_spent_answer_is_never_right(typed: str) -> None:
    assert not is_right("", typed, test_answer="12345")
