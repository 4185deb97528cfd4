"""Which demo portals there are, from the file that the demo writes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

_THEMES = {"red": "#9b1c1c", "green": "#0b6b4f", "blue": "#1a4f9c", "purple": "#5b2a86"}


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """One relying party as it was registered with the provider."""

    client_id: str
    client_secret: str = field(repr=False)
    name: str
    port: int
    theme: str = "blue"
    is_pushed: bool = False
    at: str = ""
    """Its address, where it has no port of its own."""

    @property
    def origin(self) -> str:
        """Where browsers find the portal."""
        return self.at or f"http://localhost:{self.port}"

    @property
    def colour(self) -> str:
        """The theme as a CSS colour: a name from our table or #rrggbb."""
        if re.fullmatch(r"#[0-9a-fA-F]{6}", self.theme):
            return self.theme
        return _THEMES.get(self.theme, _THEMES["blue"])


def read(file: Path, *, first_port: int) -> tuple[PortalSettings, ...]:
    """The portals of a JSON list; a missing port is counted from ``first_port``."""
    return tuple(
        PortalSettings(
            client_id=entry["client_id"],
            client_secret=entry["client_secret"],
            name=entry["name"],
            port=int(entry.get("port", first_port + position)),
            is_pushed=bool(entry.get("is_pushed", position % 2 == 0)),
            theme=str(entry.get("theme", ("red", "green")[position % 2])),
        )
        for position, entry in enumerate(json.loads(file.read_text("utf-8")))
    )
