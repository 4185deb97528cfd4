"""The dialogue of the sandbox: a page, or a test, answers in the person's place."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from idp.bridge.contract import PERSON_SECONDS, Answer, Choice, Found, ToolError


@dataclass(frozen=True, slots=True)
class SandboxPrompt:
    """The dialogue of the sandbox: a page, or a test, answers in the person's place."""

    address: str

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Show it there and wait."""
        shown = {"origin": origin, "certificates": [each.shown() for each in certificates]}
        number = self._call("/usb/dialogue", shown)["id"]
        deadline = time.monotonic() + PERSON_SECONDS
        while time.monotonic() < deadline:
            answer = self._call(f"/usb/dialogue/{number}", None)
            if answer.get("state") == "answered":
                return Choice(int(answer["certificate"]), str(answer["pin"]))
            if answer.get("state") == "cancelled":
                return None
            time.sleep(0.1)
        return None

    def _call(self, path: str, body: Answer | None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if urlsplit(self.address).scheme not in {"http", "https"}:
            raise ToolError("token_error", detail="sandbox address")
        asked = urllib.request.Request(self.address + path, data, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310
                found: Answer = json.load(response)
        except (OSError, ValueError) as error:
            raise ToolError("token_error", detail=type(error).__name__) from error
        return found
