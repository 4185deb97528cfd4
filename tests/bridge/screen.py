"""A screen of its own for a window: Xvfb draws it, xdotool is the person's hand."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.postgres import require

ROOT = Path(__file__).parents[2]


@dataclass
class Screen:
    """A display and what it shows."""

    display: str
    framebuffer: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DISPLAY": self.display}

    def hand(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self.environment, check=True, timeout=20)

    def press(self, *keys: str) -> None:
        self.hand("key", "--delay", "40", *keys)

    def type(self, text: str) -> None:
        self.hand("type", "--delay", "40", text)

    def pixels(self) -> bytes:
        return self.framebuffer.read_bytes()

    def shows(self, title: str) -> bool:
        """Whether a window of that title is there and hears the keyboard."""
        command = ["xdotool", "getwindowfocus", "getwindowname"]
        done = subprocess.run(
            command, env=self.environment, check=False, capture_output=True, text=True, timeout=20
        )
        return done.stdout.strip() == title


@dataclass
class Window:
    """The window on a screen, and the person before it."""

    screen: Screen
    folder: Path
    process: subprocess.Popen[str] = field(init=False)

    def open(self, question: dict[str, Any], seconds: float = 60) -> Window:
        command = [sys.executable, "-m", "tests.bridge.seen", str(self._places), str(seconds)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.screen.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdin
        self.process.stdin.write(json.dumps(question))
        self.process.stdin.close()
        until(lambda: bool(self.now()["places"]))
        return self

    @property
    def _places(self) -> Path:
        return self.folder / "places.json"

    def now(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads(self._places.read_text())
            return found
        return {"places": [], "title": ""}

    def texts(self) -> list[str]:
        return [each["text"] for each in self.now()["places"]]

    def place(self, text: str) -> dict[str, Any]:
        [found] = [each for each in self.now()["places"] if each["text"].split("\n")[0] == text]
        return dict(found)

    def waits_for(self, text: str) -> None:
        until(lambda: text in self.texts())

    def click(self, text: str) -> None:
        at = self._settled(text)
        self.screen.hand("mousemove", str(at["x"]), str(at["y"]), "click", "1")

    def _settled(self, text: str) -> dict[str, Any]:
        """Where it stands once the window has stopped moving."""
        seen: list[dict[str, Any]] = [{}, {}]

        def is_still() -> bool:
            if text not in [each.split("\n")[0] for each in self.texts()]:
                return False
            seen.append(self.place(text))
            time.sleep(0.25)
            return bool(seen[-1] == seen[-2])

        until(is_still)
        return seen[-1]

    def answer(self) -> Any:
        """What the window says when it is closed."""
        assert self.process.stdout
        said = self.process.stdout.read()
        assert self.process.wait(20) == 0
        return json.loads(said)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a real window."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@contextlib.contextmanager
def screen(folder: Path, dpi: int = 96) -> Iterator[Screen]:
    """A fresh screen; skips where a part is missing."""
    programs = shutil.which("Xvfb") and shutil.which("xdotool")
    found = bool(programs and importlib.util.find_spec("_tkinter"))
    require("tk", found=found, how="apt-get install xvfb xdotool python3-tk")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-dpi", str(dpi),
         "-fbdir", str(folder), "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as said:
        number = said.readline().strip()
    assert number, "Xvfb did not start"
    yield Screen(f":{number}", folder / "Xvfb_screen0")
    server.terminate()
    server.wait(20)
