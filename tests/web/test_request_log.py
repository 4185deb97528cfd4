"""The line that answers before routing leave in the log."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_BOTH = """
import structlog
from idp import logs
logs.setup({level!r}, {form!r})
about = dict(endpoint="token", status=200, request_id="0123456789ab")
structlog.get_logger("idp.request").info("request", **about)
logs.request(**about)
"""


def _lines(level: str, form: str) -> list[str]:
    """What a process of its own says; how it logs is settled once for each."""
    code = _BOTH.format(level=level, form=form)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stderr.splitlines()


@pytest.mark.parametrize("level", ["debug", "info"])
def test_the_line_that_is_written_in_a_hurry_says_what_every_line_says(level: str) -> None:
    slow, quick = (json.loads(line) for line in _lines(level, "json"))

    assert list(quick) == list(slow)
    assert {**quick, "timestamp": slow["timestamp"]} == slow
    assert len(quick["timestamp"]) == len(slow["timestamp"])


def test_in_another_form_it_is_written_as_every_line() -> None:
    slow, quick = _lines("info", "console")

    assert slow.split(" ", 1)[1] == quick.split(" ", 1)[1]


@pytest.mark.parametrize("form", ["json", "console"])
def test_where_requests_are_not_logged_neither_is_it(form: str) -> None:
    assert _lines("warning", form) == []
