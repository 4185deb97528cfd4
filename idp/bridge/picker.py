"""The page of the certificates (R35): whose, from whom, how long; which of them cannot be used."""

from __future__ import annotations

import contextlib
import tkinter as tk
from collections.abc import Callable, Mapping
from datetime import date, datetime
from tkinter import ttk

from idp.bridge.page import WIDTH, Page, paper

Shown = dict[str, str]


class Picker:
    """One radio button for each certificate; arrows, mouse and Enter choose."""

    def __init__(
        self, page: Page, certificates: list[Shown], chosen: tk.IntVar, go_on: Callable[[], None]
    ) -> None:
        self._page, self._certificates, self._chosen = page, certificates, chosen
        self._go_on = go_on
        self._buttons: list[ttk.Radiobutton] = []

    def show(self) -> None:
        """The list."""
        self._page.turn("list")
        self._page.say(self._page.said["choose"], "Strong.TLabel")
        self._canvas, inside = self._scrolling()
        self._buttons = [self._option(inside, *each) for each in enumerate(self._certificates)]
        ttk.Button(
            self._page.frame, text=self._page.said["details"], command=self._show_details
        ).pack(anchor="w", pady=("4p", "0p"))
        forward = self._page.buttons(("cancel", self._page.close), ("go_on", self._go_on))
        usable = [n for n, each in enumerate(self._certificates) if each["pin_state"] != "locked"]
        if not usable:
            forward.configure(state="disabled")
        elif self._chosen.get() not in usable:
            self._chosen.set(usable[0])
        self._page.come_forward(self._buttons[self._chosen.get()] if usable else forward)

    def _show_details(self) -> None:
        each, said = self._certificates[self._chosen.get()], self._page.said
        self._page.turn("list")
        self._page.say(each["subject"], "Strong.TLabel")
        self._page.say(f"{said['issuer']}: {each['issuer']}")
        self._page.say(_validity(each, said))
        self._page.say(f"{said['serial']}: {each['serial'].upper()}")
        self._page.come_forward(self._page.buttons(("back", self.show)))

    def _option(self, inside: ttk.Frame, number: int, each: Shown) -> ttk.Radiobutton:
        said, is_locked = self._page.said, each["pin_state"] == "locked"
        lines = [each["subject"], f"{said['issuer']}: {each['issuer']}", _validity(each, said)]
        warning = said["locked"] if is_locked else said["expired"] if _is_over(each) else ""
        button = ttk.Radiobutton(
            inside,
            text="\n".join([*lines, warning] if warning else lines),
            value=number,
            variable=self._chosen,
            style="Warned.TRadiobutton" if warning else "TRadiobutton",
            state="disabled" if is_locked else "normal",
        )
        button.pack(anchor="w", fill="x", pady="2p")
        button.bind("<FocusIn>", lambda _: self._reveal(button))
        button.bind("<Up>", lambda _: self._move(-1))
        button.bind("<Down>", lambda _: self._move(1))
        return button

    def _move(self, by: int) -> str:
        target = self._chosen.get() + by
        while 0 <= target < len(self._buttons):
            if str(self._buttons[target].cget("state")) != "disabled":
                self._chosen.set(target)
                self._buttons[target].focus_set()
                break
            target += by
        return "break"

    # --- more certificates than fit -------------------------------------------------------------

    def _scrolling(self) -> tuple[tk.Canvas, ttk.Frame]:
        """A frame that scrolls when there is more than fits."""
        around = ttk.Frame(self._page.frame)
        around.pack(fill="both", expand=True, pady=("3p", "0p"))
        canvas = tk.Canvas(around, highlightthickness=0, width=WIDTH, background=paper())
        inside = ttk.Frame(canvas)
        canvas.create_window(0, 0, anchor="nw", window=inside)
        canvas.pack(side="left", fill="both", expand=True)
        bar = ttk.Scrollbar(around, command=canvas.yview)
        canvas.configure(yscrollcommand=bar.set)
        inside.bind("<Configure>", lambda _: self._fit(canvas, inside, bar))
        return canvas, inside

    def _fit(self, canvas: tk.Canvas, inside: ttk.Frame, bar: ttk.Scrollbar) -> None:
        height, width = inside.winfo_reqheight(), inside.winfo_reqwidth()
        most = canvas.winfo_screenheight() * 45 // 100
        canvas.configure(height=min(height, most), scrollregion=(0, 0, width, height))
        if height > most:
            bar.pack(side="right", fill="y", before=canvas)

    def _reveal(self, button: ttk.Radiobutton) -> None:
        """Scroll no more than is needed to see the one that has the focus."""
        top, bottom = self._canvas.yview()
        whole = max(button.master.winfo_reqheight(), 1)
        start, end = button.winfo_y() / whole, (button.winfo_y() + button.winfo_height()) / whole
        if start < top:
            self._canvas.yview_moveto(start)
        elif end > bottom:
            self._canvas.yview_moveto(end - (bottom - top))


def _validity(each: Shown, said: Mapping[str, str]) -> str:
    return f"{said['valid']}: {each['valid_from']} {said['until']} {each['valid_to']}"


def _is_over(each: Shown) -> bool:
    with contextlib.suppress(ValueError):
        day, month, year = map(int, each["valid_to"].split("/"))
        return date(year, month, day) < datetime.now().astimezone().date()
    return False
