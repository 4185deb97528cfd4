"""The dialogue as a window (Tk), in a process of its own."""

from __future__ import annotations

import json
import subprocess

from idp.bridge import child
from idp.bridge.contract import PERSON_SECONDS, Answer, Choice, Found, ToolError
from idp.bridge.words import TEXT


class WindowPrompt:
    """The dialogue as a window, in a process of its own."""

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Open the window and wait."""
        question = {"origin": origin, "certificates": [each.shown() for each in certificates]}
        try:
            done = subprocess.run(  # noqa: S603  ourselves
                child.itself("--window"),
                env=child.surroundings(),
                input=json.dumps(question).encode(),
                capture_output=True,
                timeout=PERSON_SECONDS,
                check=False,
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return None
        except ValueError:
            raise ToolError("token_error", detail="no window can be shown") from None
        return Choice(int(answer["number"]), str(answer["pin"])) if answer else None


def window(question: Answer) -> Answer | None:
    """The picker and the PIN in one window (R35, R36); a keyboard on the screen on request."""
    import tkinter as tk  # noqa: PLC0415
    from tkinter import ttk  # noqa: PLC0415

    root = tk.Tk()
    root.title(TEXT["title"])
    root.attributes("-topmost", True)  # noqa: FBT003  a positional of Tk
    chosen, pin, keyboard = tk.IntVar(value=0), tk.StringVar(), tk.BooleanVar()
    answer: list[Answer] = []
    frame = ttk.Frame(root, padding=16)
    frame.grid()
    ttk.Label(frame, text=f"{TEXT['asks']} {question['origin']}").grid(sticky="w")
    ttk.Label(frame, text=TEXT["choose"]).grid(sticky="w", pady=(8, 4))
    for number, each in enumerate(question["certificates"]):
        text = (
            f"{each['subject']}\n{each['issuer']}\n"
            f"{TEXT['valid']} {each['valid_from']} – {each['valid_to']}"
        )
        ttk.Radiobutton(frame, text=text, value=number, variable=chosen).grid(sticky="w")
    states = {each["pin_state"] for each in question["certificates"]}
    for state in ("locked", "final_try", "count_low"):
        if state in states:
            ttk.Label(frame, text=TEXT[state], foreground="#b00020").grid(sticky="w")
    ttk.Label(frame, text=TEXT["pin"]).grid(sticky="w", pady=(8, 0))
    entry = ttk.Entry(frame, textvariable=pin, show="•")
    entry.grid(sticky="we")
    keys = ttk.Frame(frame)
    for place, digit in enumerate("1234567890"):
        key = ttk.Button(keys, text=digit, width=3)
        key.configure(command=lambda typed=digit: pin.set(pin.get() + typed))  # type: ignore[misc]
        key.grid(row=place // 5, column=place % 5)
    ttk.Button(keys, text="⌫", width=3, command=lambda: pin.set(pin.get()[:-1])).grid(
        row=2, column=0
    )

    def show_keys() -> None:
        keys.grid(sticky="w") if keyboard.get() else keys.grid_remove()

    ttk.Checkbutton(frame, text=TEXT["keyboard"], variable=keyboard, command=show_keys).grid(
        sticky="w"
    )

    def confirm(*_: object) -> None:
        if pin.get():
            answer.append({"number": chosen.get(), "pin": pin.get()})
            root.destroy()

    buttons = ttk.Frame(frame)
    buttons.grid(sticky="e", pady=(12, 0))
    ttk.Button(buttons, text=TEXT["cancel"], command=root.destroy).grid(row=0, column=0, padx=8)
    ttk.Button(buttons, text=TEXT["login"], command=confirm).grid(row=0, column=1)
    root.bind("<Return>", confirm)
    root.bind("<Escape>", lambda _: root.destroy())
    entry.focus()
    root.mainloop()
    return answer[0] if answer else None
