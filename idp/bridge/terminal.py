"""The dialogue in the terminal that the tool was started in."""

from __future__ import annotations

from idp.bridge.contract import Choice, Found
from idp.bridge.words import TEXT


class TerminalPrompt:
    """The dialogue in the terminal that the tool was started in."""

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Print, read, and hide the PIN."""
        import getpass  # noqa: PLC0415

        print(f"\n{TEXT['asks']} {origin}\n{TEXT['choose']}")  # noqa: T201
        for number, each in enumerate(certificates, 1):
            print(f"  {number}. {each.subject} – {each.issuer}, {each.valid_from}–{each.valid_to}")  # noqa: T201
            if each.pin_state in TEXT:
                print(f"     {TEXT[each.pin_state]}")  # noqa: T201
        typed = input(f"{TEXT['number']} ").strip() or "1"
        if not typed.isdigit():
            return None
        pin = getpass.getpass(f"{TEXT['pin']} ")
        return Choice(int(typed) - 1, pin) if pin else None
