"""A portal program in a process of its own, and where the ones written in Node live."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import postgres
from tests.support.postgres import require

ROOT = Path(__file__).parents[2]
PYTHON, NODE = Path(__file__).parent / "programs", Path(__file__).parent / "node"
CACHE = ROOT / ".cache" / "relying_parties"
_PATIENCE, _NODE = 60.0, 20


def _has_node() -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    command = ["node", "-p", "process.versions.node"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.partition(".")[0].isdecimal() and int(said.partition(".")[0]) >= _NODE


def node_home() -> Path:
    """A folder with the locked packages; made once and kept. Skips where Node.js is missing."""
    how = f"install Node.js {_NODE} or newer with npm (apt-get install nodejs npm, or nodejs.org)"
    require("node", found=_has_node(), how=how)
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = (NODE / "package-lock.json").read_bytes()
    stamp = CACHE / "installed"
    with postgres.locked(CACHE / "lock"):
        if not stamp.exists() or stamp.read_bytes() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NODE / name, CACHE)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, check=False)
            require("node", found=done.returncode == 0, how=f"npm ci failed: {done.stderr[-300:]}")
            stamp.write_bytes(lock)
    return CACHE


def command_of(script: str, folder: Path | None = None) -> list[str]:
    """How to start a program; one for Node stands beside its packages, where imports look."""
    if script.endswith(".py"):
        return [sys.executable, str((folder or PYTHON) / script)]
    home = node_home()
    with postgres.locked(CACHE / "lock"):
        for source in (folder or NODE).glob("*.mjs"):
            shutil.copy(source, home)
    return ["node", str(home / script)]


class Program:
    """A portal that is told what to do next."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, do: str, **more: str) -> dict[str, Any]:
        """Its answer; ``refused`` has what its library did not accept."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._process.stdin.flush()
        watch = threading.Timer(_PATIENCE, self._process.kill)
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        assert line, f"the program ended at {do}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def succeeds(self, do: str, **more: str) -> dict[str, Any]:
        answer = self(do, **more)
        assert "refused" not in answer, answer
        return answer


@contextmanager
def started(script: str, settings: dict[str, Any]) -> Iterator[Program]:
    command = [*command_of(script), json.dumps(settings)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PYTHON
    )
    try:
        yield Program(process)
    finally:
        if process.stdin:
            process.stdin.close()
        if process.stdout:
            process.stdout.close()
        process.kill()
        process.wait()
