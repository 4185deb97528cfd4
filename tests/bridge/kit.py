"""What the tests of the signing tool share."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from idp.bridge.contract import Choice, Found
from idp.sandbox import tokens
from tests.support.pki import key_of, pki

ORIGIN = "https://id.example.vn"
NONCE = "n" * 44
PIN = "4711"


def found(**changes: Any) -> Found:
    leaf = pki().newtel.leaf(key=key_of("p256"))
    der = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
    shown = {"subject": "A", "issuer": "B", "valid_from": "", "valid_to": "", "pin_state": "ok"}
    return Found(
        **{"module": "m", "token": "t", "id": "01", "certificate": der, **shown, **changes}
    )


@dataclass
class Person:
    """Somebody at the dialogue."""

    choice: Choice | None = field(default_factory=lambda: Choice(0, "1234"))
    origins: list[str] = field(default_factory=list)
    hold: threading.Event | None = None

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        assert certificates
        self.origins.append(origin)
        if self.hold:
            self.hold.wait(10)
        return self.choice


def softhsm() -> list[str]:
    """SoftHSM as the tool's only driver."""
    return [tokens.driver() or ""]
