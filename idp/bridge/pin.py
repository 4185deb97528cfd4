"""The page of the PIN (R36): never drawn, never copied out of its field, tried once."""

from __future__ import annotations

import contextlib
import sys
import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from idp.bridge.keyboard import Keyboard
from idp.bridge.page import Page

_CAPS_LOCK = 0x2


class PinPage:
    """Asks for the PIN of one certificate."""

    def __init__(
        self, page: Page, *, go_back: Callable[[], None], go_on: Callable[[str], None]
    ) -> None:
        self._page, self._go_back, self._go_on = page, go_back, go_on
        self._typed, self._wants_keyboard = tk.StringVar(), tk.BooleanVar()
        self._typed.trace_add("write", lambda *_: self._allow())

    def show(self, certificate: dict[str, str]) -> None:
        """For this certificate."""
        page, said = self._page, self._page.said
        self._typed.set("")
        page.turn("check")
        page.say(certificate["subject"], "Strong.TLabel")
        page.say(f"{said['issuer']}: {certificate['issuer']}")
        if certificate["pin_state"] in said:
            page.say(said[certificate["pin_state"]], "Warning.TLabel")
        page.say(said["confirm"], "Strong.TLabel")
        self._entry = self._field()
        self._box = ttk.Checkbutton(
            page.frame,
            text=said["keyboard"],
            variable=self._wants_keyboard,
            command=self._show_keyboard,
        )
        self._box.pack(anchor="w", pady="4p")
        self._keyboard = Keyboard(page.frame, self._typed)
        self._forward = page.buttons(
            ("back", self._leave), ("cancel", page.close), ("login", self._confirm)
        )
        self._allow()
        self._show_keyboard()
        page.come_forward(self._entry)

    def _field(self) -> ttk.Entry:
        line = ttk.Frame(self._page.frame)
        line.pack(fill="x", pady=("2p", "0p"))
        ttk.Label(line, text=self._page.said["pin"]).pack(side="left", padx=("0p", "6p"))
        entry = ttk.Entry(line, textvariable=self._typed, show="•", exportselection=False)
        entry.pack(side="left", fill="x", expand=True)
        for event in ("<<Copy>>", "<<Cut>>"):
            entry.bind(event, lambda _: "break")
        caps = ttk.Label(self._page.frame, text=self._page.said["caps"], style="Warning.TLabel")

        def look(event: tk.Event[tk.Misc]) -> None:
            if int(event.state) & _CAPS_LOCK and sys.platform != "darwin":
                caps.pack(anchor="w", after=line)
            else:
                caps.pack_forget()

        entry.bind("<KeyPress>", look)
        return entry

    def _show_keyboard(self) -> None:
        if self._wants_keyboard.get():
            self._keyboard.pack(after=self._box, pady=("0p", "4p"))
        else:
            self._keyboard.pack_forget()
        self._page.keep_on_screen()
        self._entry.focus_set()

    def _allow(self) -> None:
        with contextlib.suppress(AttributeError, tk.TclError):  # before, and after, its page
            self._forward.configure(state="normal" if self._typed.get() else "disabled")

    def _leave(self) -> None:
        self._typed.set("")
        self._go_back()

    def _confirm(self) -> None:
        self._go_on(self._typed.get())
