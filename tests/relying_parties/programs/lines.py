"""How a portal program talks to its test: one line of JSON in, one out (``program.py``)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]


def settings() -> dict[str, Any]:
    """What the test says about the provider and this client."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def serve(**commands: Callable[..., Answer]) -> None:
    """Answer commands until the test closes; what the library raises is its refusal."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = commands[asked.pop("do")](**asked)
        except Exception as error:  # noqa: BLE001  whatever the library says
            answer = {"refused": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201  the test reads it
