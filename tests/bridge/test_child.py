"""Every touch of a token is a process of its own: what that process does and survives."""

from __future__ import annotations

import base64
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idp.bridge import child
from idp.bridge.contract import ToolError
from idp.bridge.protocol import message_for
from idp.domain import web_eid
from idp.sandbox import tokens
from idp.sandbox.people import People
from tests.bridge.kit import NONCE, ORIGIN, softhsm


def test_a_hanging_driver_does_not_hang_the_tool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(child, "itself", lambda *_: [sys.executable, str(hanging)])
    monkeypatch.setattr(child, "LIST_SECONDS", 0.3)

    with pytest.raises(ToolError, match="busy"):
        child.list_certificates(["m"])


def test_a_crashing_driver_is_an_error_of_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crashing = tmp_path / "crashing.py"
    crashing.write_text("import os; os.abort()")
    monkeypatch.setattr(child, "itself", lambda *_: [sys.executable, str(crashing)])

    with pytest.raises(ToolError, match="token_error"):
        child.list_certificates(["m"])


def test_no_driver_is_told() -> None:
    with pytest.raises(ToolError, match="driver_missing"):
        child.list_certificates(["/nowhere/lib.so"])


@pytest.mark.parametrize(("key", "algorithm"), [("rsa", "RS256"), ("ec", "ES256")])
def test_a_token_signs_and_keeps_its_key(reader: tokens.Reader, key: str, algorithm: str) -> None:
    person = People().add({"usb": {"pin": "4711", "certificates": [{"key": key}]}})
    reader.insert(person)
    [listed] = child.list_certificates(softhsm())

    used, signature = child.sign(listed, "4711", message_for(ORIGIN, NONCE, 256))

    assert used == algorithm
    fields = {
        "unverifiedCertificate": listed.certificate,
        "algorithm": used,
        "signature": base64.b64encode(signature).decode(),
        "format": "web-eid:1.0",
    }
    web_eid.verify(web_eid.read(json.dumps(fields)), origin=ORIGIN, nonce=NONCE)


@pytest.mark.parametrize("pin", ["0000", "", "x" * 300])
def test_a_wrong_pin_is_one_try(reader: tokens.Reader, pin: str) -> None:
    reader.insert(People().add({"usb": {"pin": "4711"}}))
    [listed] = child.list_certificates(softhsm())

    with pytest.raises(ToolError) as caught:
        child.sign(listed, pin, b"message")

    assert caught.value.code == "pin_incorrect"
    assert caught.value.more["pin_state"] in {"count_low", "final_try", "ok"}


def test_two_certificates_are_both_shown(reader: tokens.Reader) -> None:
    reader.insert(People().add({"usb": {"certificates": [{"key": "ec"}, {"key": "ec"}]}}))

    assert len(child.list_certificates(softhsm())) == 2


def test_a_token_that_was_pulled_out(reader: tokens.Reader) -> None:
    reader.insert(People().add({"usb": True}))
    [listed] = child.list_certificates(softhsm())
    reader.remove()

    with pytest.raises(ToolError, match="no_token"):
        child.list_certificates(softhsm())
    with pytest.raises(ToolError, match="token_removed"):
        child.sign(listed, "1234", b"message")


def test_four_threads_sign_at_once_without_a_crash(reader: tokens.Reader) -> None:
    """A session per thread in one process crashes the driver; a process per signature does not."""
    reader.insert(People().add({"usb": {"pin": "4711", "certificates": [{"key": "ec"}]}}))
    [listed] = child.list_certificates(softhsm())

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: child.sign(listed, "4711", b"message"), range(8)))

    assert [algorithm for algorithm, _ in done] == ["ES256"] * 8
