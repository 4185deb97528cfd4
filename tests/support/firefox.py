"""A real Firefox, driven over Marionette: length-prefixed JSON on a port of this machine.

A command is ``[0, number, name, parameters]``, its answer ``[1, number, error, result]``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.postgres import require

_PATIENCE = 40.0
_SHOWN = """
const wanted = arguments[0];
return [...document.querySelectorAll("button, a")].find(
  (each) => each.checkVisibility() && each.textContent.trim() === wanted) ?? null;
"""
_ANSWER = """
const kind = arguments[0], popup = document.getElementById("notification-popup");
const button = popup?.querySelector(`popupnotification .popup-notification-${kind}-button`);
if (popup?.state !== "open" || !button) return false;
button.click();
return true;
"""


@dataclass
class Firefox:
    """One browser with one page."""

    connection: socket.socket
    _read: bytearray = field(default_factory=bytearray)
    _number: int = 0

    def command(self, name: str, **parameters: Any) -> Any:
        """Carry out one command of WebDriver."""
        self._number += 1
        sent = json.dumps([0, self._number, name, parameters]).encode()
        self.connection.sendall(b"%d:%b" % (len(sent), sent))
        _, number, error, result = self.message()
        assert number == self._number
        assert error is None, error
        return result

    def message(self) -> Any:
        """The next one that the browser sends."""
        while b":" not in self._read:
            self._read += self._more()
        length, _, rest = bytes(self._read).partition(b":")
        while len(rest) < int(length):
            rest += self._more()
        self._read = bytearray(rest[int(length) :])
        return json.loads(rest[: int(length)])

    def _more(self) -> bytes:
        found = self.connection.recv(65536)
        assert found, "the browser has gone"
        return found

    # --- what a person does and sees ------------------------------------------------------------

    def opens(self, address: str) -> None:
        self.command("WebDriver:Navigate", url=address)

    def opens_tab(self) -> None:
        """Another tab: what was answered in this one for now is not remembered there."""
        found = self.command("WebDriver:NewWindow", type="tab")
        self.command("WebDriver:SwitchToWindow", handle=found["handle"])

    def runs(self, script: str, *arguments: Any) -> Any:
        return self.command("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    @property
    def text(self) -> str:
        return str(self.runs("return document.body.innerText"))

    def fills(self, **fields: str) -> None:
        for name, value in fields.items():
            found = self.command(
                "WebDriver:FindElement", using="css selector", value=f"[name={name}]"
            )
            self.command("WebDriver:ElementSendKeys", id=_id(found["value"]), text=value)

    def clicks(self, selector: str) -> None:
        found = self.command("WebDriver:FindElement", using="css selector", value=selector)
        self.command("WebDriver:ElementClick", id=_id(found["value"]))

    def presses(self, name: str) -> None:
        """The visible button or link with exactly this text."""
        found = self._until(lambda: self.runs(_SHOWN, name), name)
        self.command("WebDriver:ElementClick", id=_id(found))

    def sees(self, text: str) -> None:
        self._until(lambda: text in self.text, text)

    def answers(self, kind: str) -> None:
        """What the browser itself asks: primary allows, secondary does not."""
        self.command("Marionette:SetContext", value="chrome")
        try:
            self._until(lambda: self.runs(_ANSWER, kind), kind)
        finally:
            self.command("Marionette:SetContext", value="content")

    def adds(self, extension: Path) -> None:
        """Load an extension, packed or not, until the browser ends."""
        self.command("Addon:Install", path=str(extension), temporary=True)

    def setting(self, name: str) -> Any:
        """A switch of the browser; None where it does not know it."""
        self.command("Marionette:SetContext", value="chrome")
        try:
            return self.runs("return Services.prefs.getBoolPref(arguments[0], null)", name)
        finally:
            self.command("Marionette:SetContext", value="content")

    def _until(self, look: Any, wanted: str) -> Any:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):  # the page was just leaving
                if found := look():
                    return found
            time.sleep(0.1)
        raise AssertionError(f"{wanted!r} never came: {self.text[:2000]}")


def _id(element: Mapping[str, str]) -> str:
    return next(iter(element.values()))


@contextlib.contextmanager
def started(
    profile: Path, environment: Mapping[str, str] | None = None, **settings: bool | int | str
) -> Iterator[Firefox]:
    """A fresh Firefox without a window, with these entries of ``about:config``.

    The profile is its home as well: what it would look for there is the test's.
    """
    program = shutil.which("firefox-esr")
    require("firefox", found=bool(program), how="apt-get install firefox-esr")
    port = free_port()
    wanted = {"marionette.port": port, "intl.accept_languages": "vi", **settings}
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in wanted.items())
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    flags = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
    process = subprocess.Popen(
        [str(program), *flags, "--profile", str(profile)],
        env={**os.environ, **(environment or {}), "HOME": str(profile)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with _connected(port) as connection:
            browser = Firefox(connection)
            browser.message()  # its greeting
            browser.command("WebDriver:NewSession", capabilities={})
            browser.command("WebDriver:SetTimeouts", implicit=int(_PATIENCE * 1000))
            yield browser
    finally:
        process.terminate()
        process.wait(20)


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 2 * _PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), 2 * _PATIENCE)
        time.sleep(0.1)
    raise AssertionError("Firefox never listened")
