"""The server serves on when its workers die, and gives up only when they cannot live."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from idp.config import Config, Metrics
from idp.serve import _metrics_folder, keep_serving


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


@pytest.mark.parametrize("directory", ["", "taken/metrics"])
def test_counters_have_a_folder_of_their_own_where_the_settings_name_none_to_write_to(
    tmp_path: Path, directory: str
) -> None:
    (tmp_path / "taken").write_text("a file")
    spare = tmp_path / "spare"

    folder = _metrics_folder(Config(metrics=Metrics(directory), folder=tmp_path), spare)

    assert folder == spare


def test_counters_are_where_the_settings_say(tmp_path: Path) -> None:
    config = Config(folder=tmp_path)

    assert _metrics_folder(config, tmp_path / "spare") == tmp_path / "run" / "metrics"
    assert (tmp_path / "run" / "metrics").is_dir()
