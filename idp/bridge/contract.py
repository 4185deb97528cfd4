"""What the parts of the tool say to one another: certificates, choices, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from idp.bridge.certificates import serial_of

VERSION = "1.0.0"
MOST_BYTES = 8192
PERSON_SECONDS = 120.0

Answer = dict[str, Any]


class ToolError(Exception):
    """Something the page can explain; ``code`` is part of the interface."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.code, self.more = code, more

    def as_json(self) -> Answer:
        """What the page receives."""
        return {"code": self.code, **self.more}


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate on a token, as the picker shows it."""

    module: str
    token: str
    id: str
    certificate: str
    subject: str
    issuer: str
    valid_from: str
    valid_to: str
    pin_state: str

    def shown(self) -> Answer:
        """Without where it lies."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "valid_from": self.valid_from,
            "valid_to": self.valid_to,
            "pin_state": self.pin_state,
            "serial": serial_of(self.certificate),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person chose in the dialogue."""

    number: int
    pin: str


class Prompt(Protocol):
    """Asks the person which certificate, and for its PIN."""

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """The choice; None when the person does not want to."""
