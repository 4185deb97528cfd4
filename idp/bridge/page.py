"""What every page of the window has: the asking site at its head, buttons at its foot, its looks.

Sizes are in points, so that the window grows with the screen's resolution and the person's font.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import tkinter as tk
from collections.abc import Callable, Mapping
from tkinter import font, ttk

WIDTH = "340p"
_INK, _PAPER, _RED, _BLUE = "#1b1b1b", "#f7f7f5", "#b00020", "#0b4f9e"


class Page:
    """The window, and the page that it shows now."""

    def __init__(self, origin: str, said: Mapping[str, str]) -> None:
        _see_sharply()
        self.root = tk.Tk()
        self.said, self._origin = said, origin
        self.frame = ttk.Frame(self.root)
        _dress(self.root)
        self.root.resizable(width=False, height=False)
        self.root.attributes("-topmost", True)  # noqa: FBT003  a positional of Tk
        self.root.bind("<Escape>", lambda _: self.close())
        self.root.protocol("WM_DELETE_WINDOW", self.close)

    def close(self) -> None:
        """End without a word."""
        self.root.destroy()

    def turn(self, title: str) -> None:
        """A fresh page."""
        self.frame.destroy()
        self.frame = ttk.Frame(self.root, padding="14p")
        self.frame.pack(fill="both", expand=True)
        ttk.Frame(self.frame, width=WIDTH).pack()  # pages of one width
        self.root.title(self.said[title])
        self.say(self.said[title], "Title.TLabel")
        self.say(self.said["asks"])
        self.say(self._origin, "Site.TLabel")
        self.say(self.said["compare"])
        ttk.Separator(self.frame).pack(fill="x", pady="7p")

    def say(self, text: str, style: str = "TLabel") -> ttk.Label:
        """A paragraph."""
        shown = ttk.Label(self.frame, text=text, style=style, wraplength=WIDTH, justify="left")
        shown.pack(anchor="w", pady="1p")
        return shown

    def buttons(self, *wanted: tuple[str, Callable[[], None]]) -> ttk.Button:
        """The buttons at the foot; answers the last one, which Enter presses."""
        line = ttk.Frame(self.frame)
        line.pack(side="bottom", fill="x", pady=("10p", "0p"))
        for number, (name, command) in enumerate(reversed(wanted)):
            style = "TButton" if number else "Primary.TButton"
            made = ttk.Button(line, text=self.said[name], style=style, command=command)
            made.pack(side="right", padx=("6p", "0p"))
            # Tab goes as people read: what stands last was made first.
            made.lower()
            if not number:
                forward = made
        self.root.bind("<Return>", lambda _: self._press(forward))
        return forward

    def _press(self, forward: ttk.Button) -> str:
        """Enter presses the button that has the focus, else the page's own."""
        focused = self.root.focus_get()
        (focused if isinstance(focused, ttk.Button) else forward).invoke()
        return "break"

    def come_forward(self, focused: tk.Misc) -> None:
        """Over the browser, in the middle, ready to be typed into."""
        self.root.update_idletasks()
        width, height = self.root.winfo_reqwidth(), self.root.winfo_reqheight()
        left = max(0, (self.root.winfo_screenwidth() - width) // 2)
        top = max(0, (self.root.winfo_screenheight() - height) // 3)
        self.root.geometry(f"+{left}+{top}")
        self.root.lift()
        self.root.focus_force()
        focused.focus_set()

    def keep_on_screen(self) -> None:
        """After growing: what is under the person's pointer stays there where it can."""
        self.root.update_idletasks()
        height, left = self.root.winfo_reqheight(), self.root.winfo_rootx()
        if self.root.winfo_rooty() + height > self.root.winfo_screenheight():
            top = max(0, self.root.winfo_screenheight() - height)
            self.root.geometry(f"+{left}+{top}")


def paper() -> str:
    """The background, for what has no style of its own."""
    return str(ttk.Style().lookup("TFrame", "background")) or _PAPER


def _see_sharply() -> None:
    """Windows blows up the pixels of programs that do not say that they know resolutions."""
    if sys.platform == "win32":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.windll.shcore.SetProcessDpiAwareness(1)


def _dress(root: tk.Tk) -> None:
    style = ttk.Style()
    if root.tk.call("tk", "windowingsystem") == "x11":
        # Windows and macOS have looks of their own; the bare one of X11 is from 1990.
        style.theme_use("clam")
        style.configure(".", background=_PAPER, foreground=_INK, focuscolor=_BLUE)
        root.configure(background=_PAPER)
    normal = font.nametofont("TkDefaultFont")
    normal.configure(size=max(11, int(normal.actual()["size"])))
    font.nametofont("TkTextFont").configure(size=normal.actual()["size"] + 2)
    family, size = normal.actual()["family"], int(normal.actual()["size"])
    style.configure(".", font=normal)
    style.configure("Title.TLabel", font=(family, size + 5, "bold"))
    style.configure("Site.TLabel", font=(family, size + 2, "bold"), foreground=_BLUE)
    style.configure("Strong.TLabel", font=(family, size, "bold"))
    style.configure("Warning.TLabel", font=(family, size, "bold"), foreground=_RED)
    style.configure("Warned.TRadiobutton", foreground=_RED)
    style.map("Warned.TRadiobutton", foreground=[("disabled", _RED)])
    style.configure("TButton", padding=("10p", "4p"))
    style.configure("Key.TButton", padding=("2p", "4p"))
    style.configure("Primary.TButton", font=(family, size, "bold"))
    # The names of enterprises are long; text beside a button wraps only if its style says so.
    style.configure("TRadiobutton", padding="4p", wraplength=root.winfo_pixels(WIDTH) * 9 // 10)
    if style.theme_use() == "clam":
        colours = [("disabled", "#dcdad5"), ("active", "#083c78"), ("!disabled", _BLUE)]
        for name in ("TRadiobutton", "TCheckbutton"):
            style.configure(name, indicatorsize=root.winfo_pixels("10p"), indicatormargin="3p")
            style.map(name, background=[])
        style.map("Primary.TButton", background=colours, foreground=[("!disabled", "white")])
