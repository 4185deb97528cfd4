"""Native messaging: how the browser extension reaches the tool (Web eID's messages)."""

from __future__ import annotations

import json
import struct
import sys

from idp.bridge.contract import MOST_BYTES, VERSION, Answer, ToolError
from idp.bridge.protocol import Tool

_NATIVE_CODES = {
    "user_cancelled": "ERR_WEBEID_USER_CANCELLED",
    "invalid_argument": "ERR_WEBEID_NATIVE_INVALID_ARGUMENT",
    "busy": "ERR_WEBEID_ACTION_PENDING",
}


def native(tool: Tool) -> int:
    """One command by native messaging (Web eID), then the end."""
    _write_native({"version": VERSION})
    size = sys.stdin.buffer.read(4)
    if len(size) < 4 or (length := struct.unpack("=I", size)[0]) > MOST_BYTES:  # noqa: PLR2004
        return 1
    try:
        order = json.loads(sys.stdin.buffer.read(length))
        arguments = order["arguments"] if order["command"] == "authenticate" else {}
        answer = tool.authenticate(str(arguments["origin"]), arguments.get("challengeNonce"))
    except (ValueError, KeyError, TypeError, AttributeError):
        answer = _native_error("invalid_argument")
    except ToolError as error:
        answer = _native_error(**error.as_json())
    _write_native(answer)
    return 0


def _native_error(code: str, **more: str) -> Answer:
    """Web eID's code, and ours as the message, with what ours says besides."""
    theirs = _NATIVE_CODES.get(code, "ERR_WEBEID_NATIVE_FATAL")
    return {"error": {**more, "code": theirs, "message": code}}


def _write_native(answer: Answer) -> None:
    data = json.dumps(answer).encode()
    sys.stdout.buffer.write(struct.pack("=I", len(data)) + data)
    sys.stdout.buffer.flush()
