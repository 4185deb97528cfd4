"""The server serves on when its workers die, and gives up only when they cannot live."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from idp.serve import keep_serving


def dying(*lives: float | None) -> tuple[Callable[[], None], Callable[[], float], list[int]]:
    """A server that dies after so many seconds each time; None is a signal to stop."""
    now, calls, left = [0.0], [], list(lives)

    def serve() -> None:
        calls.append(1)
        life = left.pop(0)
        if life is not None:
            now[0] += life
            sys.exit(1)

    return serve, lambda: now[0], calls


def test_a_server_that_dies_serves_again_until_it_is_told_to_stop() -> None:
    serve, timer, calls = dying(*[1] * 19, 60, *[1] * 19, None)

    keep_serving(serve, timer)

    assert len(calls) == 40


def test_a_server_that_cannot_start_is_given_up() -> None:
    serve, timer, calls = dying(*[1] * 30)

    with pytest.raises(SystemExit):
        keep_serving(serve, timer)

    assert len(calls) == 20
