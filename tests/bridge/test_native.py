"""Native messaging: Web eID's messages between the extension and the tool."""

from __future__ import annotations

import json
import struct
import subprocess
from typing import Any

import pytest

from idp.bridge import child
from idp.bridge.contract import VERSION
from tests.bridge.kit import NONCE, ORIGIN


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"command": "authenticate", "arguments": {"origin": ORIGIN, "challengeNonce": "x"}},
         "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
        ({"command": "authenticate", "arguments": {"origin": "https://evil.example",
         "challengeNonce": NONCE}}, "ERR_WEBEID_NATIVE_FATAL"),
        ({"command": "sign", "arguments": {}}, "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
        ({"command": "authenticate"}, "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
        ([], "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
    ],
)  # fmt: skip
def test_native_messaging_says_its_version_then_answers_once(order: Any, wanted: str) -> None:
    data = json.dumps(order).encode()
    done = subprocess.run(
        child.itself("--native", "--origin", ORIGIN, "--module", "/nowhere.so"),
        input=struct.pack("=I", len(data)) + data,
        capture_output=True,
        check=False,
        timeout=30,
    )

    messages, rest = [], done.stdout
    while rest:
        size = struct.unpack("=I", rest[:4])[0]
        messages.append(json.loads(rest[4 : 4 + size]))
        rest = rest[4 + size :]
    assert messages[0] == {"version": VERSION}
    assert messages[1]["error"]["code"] == wanted
