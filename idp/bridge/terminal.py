"""The dialogue in the terminal that the tool was started in."""

from __future__ import annotations

import getpass
from dataclasses import dataclass

from idp.bridge.contract import Choice, Found
from idp.bridge.words import words


@dataclass(frozen=True, slots=True)
class TerminalPrompt:
    """Prints, reads, and hides the PIN."""

    language: str = "vi"

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """The choice of whoever sits at the terminal."""
        said = words(self.language)
        print(f"\n{said['asks']} {origin}\n{said['choose']}")  # noqa: T201
        for number, each in enumerate(certificates, 1):
            print(f"  {number}. {each.subject} – {each.issuer}, {each.valid_from}–{each.valid_to}")  # noqa: T201
            if each.pin_state in said:
                print(f"     {said[each.pin_state]}")  # noqa: T201
        typed = input(f"{said['number']} ").strip() or "1"
        if not (typed.isascii() and typed.isdigit()):
            return None
        pin = getpass.getpass(f"{said['pin']} ")
        return Choice(int(typed) - 1, pin) if pin else None
