"""The window as it is, and beside it, ten times a second, what stands where on the screen.

``python -m tests.bridge.seen PLACES SECONDS`` with the question on standard input.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tkinter as tk
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from idp.bridge.dialogue import Dialogue


def visible(widget: tk.Misc) -> Iterator[tk.Misc]:
    """What is drawn, in the order of the page."""
    if widget.winfo_viewable():
        yield widget
        for child in widget.winfo_children():
            yield from visible(child)


def seen(dialogue: Dialogue) -> dict[str, Any]:
    """Texts and the middle of what shows them."""
    places = []
    for widget in visible(dialogue.page.root):
        text = str(widget.cget("text")) if "text" in widget.keys() else ""  # noqa: SIM118
        if text:
            x = widget.winfo_rootx() + widget.winfo_width() // 2
            y = widget.winfo_rooty() + widget.winfo_height() // 2
            places.append({"text": text, "x": x, "y": y, "state": str(widget.cget("state"))})
    root = dialogue.page.root
    return {
        "places": places,
        "title": root.title(),
        "topmost": bool(root.attributes("-topmost")),
        "fits": root.winfo_rooty() + root.winfo_height() <= root.winfo_screenheight(),
    }


def main(to: Path, seconds: float) -> None:
    """Show it."""
    dialogue = Dialogue(json.load(sys.stdin), seconds)

    def write() -> None:
        fresh = to.with_suffix(".new")
        with contextlib.suppress(OSError):  # the test is over, and its folder gone
            fresh.write_text(json.dumps(seen(dialogue)))
            fresh.rename(to)
        dialogue.page.root.after(100, write)

    write()
    sys.stdout.write(json.dumps(dialogue.run()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
