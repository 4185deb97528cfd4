"""The token as the tool sees it: every touch is a process of its own with a time limit.

Drivers keep state, hang and crash; the process that talks to pages never loads one.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from idp.bridge.contract import Answer, Found, ToolError

LIST_SECONDS, SIGN_SECONDS = 15.0, 60.0
_ROOT = Path(__file__).parents[2]
"""Where ``idp`` lies: a folder, or the one file that people download."""


def itself(*arguments: str) -> list[str]:
    """The command that starts this tool anew."""
    return [sys.executable, "-m", "idp.bridge", *arguments]


def surroundings() -> dict[str, str]:
    """The environment in which ``itself`` finds the tool again."""
    path = filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def list_certificates(modules: list[str]) -> list[Found]:
    """Every certificate on every token, in a lasting order. Raises ``ToolError``."""
    found: list[Found] = []
    problem = ToolError("driver_missing")
    for module in modules:
        try:
            answers = _in_child({"do": "list", "module": module}, LIST_SECONDS)
            found += [Found(module=module, **each) for each in answers["certificates"]]
            problem = ToolError("no_certificate" if answers["tokens"] else "no_token")
        except ToolError as error:
            problem = error if problem.code == "driver_missing" else problem
    if not found:
        raise problem
    return sorted(found, key=lambda each: (each.token, each.id))


def sign(chosen: Found, pin: str, message: bytes) -> tuple[str, bytes]:
    """Sign with the key of a certificate; answers the JWS algorithm and the signature."""
    order = {
        "do": "sign",
        "module": chosen.module,
        "token": chosen.token,
        "id": chosen.id,
        "pin": pin,
        "message": base64.b64encode(message).decode(),
    }
    answer = _in_child(order, SIGN_SECONDS)
    return str(answer["algorithm"]), base64.b64decode(answer["signature"])


_ONE_AT_A_TIME = threading.Lock()
"""Drivers lock their tokens badly, or not at all, against another process."""


def _in_child(order: Answer, seconds: float) -> Answer:
    """Run one order in a fresh process: drivers keep state, hang and crash."""
    try:
        with _ONE_AT_A_TIME:
            done = subprocess.run(  # noqa: S603  ourselves
                itself("--worker"),
                env=surroundings(),
                input=json.dumps(order).encode(),
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        answer: Answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ToolError("busy") from None
    except ValueError:
        raise ToolError("token_error", detail="the driver crashed") from None
    if "code" in answer:
        raise ToolError(**answer)
    return answer
