"""The dialogue as a window, in a process of its own: Tk wants to be alone, and may be killed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from idp.bridge import child
from idp.bridge.contract import PERSON_SECONDS, Choice, Found, ToolError

_GRACE_SECONDS = 5.0
"""The window ends itself in time; it is only killed when it cannot."""


@dataclass(frozen=True, slots=True)
class WindowPrompt:
    """Opens the window of ``idp.bridge.dialogue``."""

    language: str = "vi"

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        """Open the window and wait."""
        question = {
            "origin": origin,
            "language": self.language,
            "certificates": [each.shown() for each in certificates],
        }
        try:
            done = subprocess.run(  # noqa: S603  ourselves
                child.itself("--window"),
                env=child.surroundings(),
                input=json.dumps(question).encode(),
                capture_output=True,
                timeout=PERSON_SECONDS + _GRACE_SECONDS,
                check=False,
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            return None
        except ValueError:
            raise ToolError("token_error", detail="no window can be shown") from None
        return Choice(int(answer["number"]), str(answer["pin"])) if answer else None
