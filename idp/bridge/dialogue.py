"""The window: first the certificates, then the PIN; the asking site stands over both.

Everything works with the keyboard alone and with the mouse alone. Escape, closing the window and
letting the time pass all mean no.
"""

from __future__ import annotations

import tkinter as tk
from typing import Any

from idp.bridge.contract import PERSON_SECONDS
from idp.bridge.page import Page
from idp.bridge.picker import Picker
from idp.bridge.pin import PinPage
from idp.bridge.words import words


class Dialogue:
    """One question to one person."""

    def __init__(self, question: dict[str, Any], seconds: float = PERSON_SECONDS) -> None:
        self.answer: dict[str, Any] | None = None
        self.page = Page(str(question["origin"]), words(str(question.get("language"))))
        self._certificates = question["certificates"]
        self._chosen = tk.IntVar(value=0)
        self._pin = PinPage(self.page, go_back=self._pick, go_on=self._confirm)
        self._pick()
        self.page.root.after(int(seconds * 1000), self.page.close)

    def run(self) -> dict[str, Any] | None:
        """Until the person decides; None is no."""
        self.page.root.mainloop()
        return self.answer

    def _pick(self) -> None:
        Picker(self.page, self._certificates, self._chosen, self._ask_pin).show()

    def _ask_pin(self) -> None:
        self._pin.show(self._certificates[self._chosen.get()])

    def _confirm(self, pin: str) -> None:
        self.answer = {"number": self._chosen.get(), "pin": pin}
        self.page.close()
