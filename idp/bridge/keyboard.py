"""The keyboard on the screen (R36, "Sử dụng bàn phím ảo"): a PIN typed with the mouse alone.

Letters and signs as well as digits, since many tokens take them. Its keys are not in the Tab
order: whoever tabs has a keyboard.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

_ROWS = (
    ("1234567890", "!@#$%^&*()"),
    ("qwertyuiop", "QWERTYUIOP"),
    ("asdfghjkl", "ASDFGHJKL"),
    ("zxcvbnm", "ZXCVBNM"),
)
_SHIFT, _ERASE = "⇧", "⌫"


class Keyboard(ttk.Frame):
    """Types at the end of a variable."""

    def __init__(self, parent: tk.Misc, typed: tk.StringVar) -> None:
        super().__init__(parent)
        self._typed, self._is_shifted = typed, False
        self._keys: list[tuple[ttk.Button, str, str]] = []
        for plain, shifted in _ROWS:
            line = ttk.Frame(self)
            line.pack(pady="1p")
            is_last = plain == _ROWS[-1][0]
            if is_last:
                self._key(line, _SHIFT).configure(command=self._shift)
            for pair in zip(plain, shifted, strict=True):
                self._letter(line, *pair)
            if is_last:
                self._key(line, _ERASE).configure(command=self._erase)

    def _letter(self, line: ttk.Frame, plain: str, shifted: str) -> None:
        key = self._key(line, plain)
        key.configure(command=lambda: self._type(plain, shifted))
        self._keys.append((key, plain, shifted))

    @staticmethod
    def _key(line: ttk.Frame, text: str) -> ttk.Button:
        key = ttk.Button(line, text=text, width=3, takefocus=False, style="Key.TButton")
        key.pack(side="left", padx="1p")
        return key

    def _type(self, plain: str, shifted: str) -> None:
        self._typed.set(self._typed.get() + (shifted if self._is_shifted else plain))

    def _erase(self) -> None:
        self._typed.set(self._typed.get()[:-1])

    def _shift(self) -> None:
        self._is_shifted = not self._is_shifted
        for key, plain, shifted in self._keys:
            key.configure(text=shifted if self._is_shifted else plain)
