"""Which demo portals there are, from the file that the demo writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_THEMES = {"red": "#9b1c1c", "green": "#0b6b4f", "blue": "#1a4f9c", "purple": "#5b2a86"}


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """One relying party as it was registered with the provider.

    It proves itself with its private key (a JWK), or its secret, or is a public client.

    ``kiosk`` and ``desk`` are clients of their own on the same port. ``is_pushed`` says how a
    portal gets its security events, and a desk its answers (ping).
    """

    client_id: str
    client_secret: str = field(repr=False)
    name: str
    port: int
    theme: str = "blue"
    is_pushed: bool = False
    private_key: Mapping[str, Any] | None = field(default=None, repr=False)
    kiosk: PortalSettings | None = None
    desk: PortalSettings | None = None
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
        _read(
            {
                "port": first_port + position,
                "is_pushed": position % 2 == 0,
                "theme": ("red", "green")[position % 2],
                **entry,
            }
        )
        for position, entry in enumerate(json.loads(file.read_text("utf-8")))
    )


def _read(entry: Mapping[str, Any]) -> PortalSettings:
    shared = {"port": entry["port"], "theme": entry["theme"]}
    kiosk, desk = (
        _read({"is_pushed": False, **shared, **entry[name]}) if entry.get(name) else None
        for name in ("kiosk", "desk")
    )
    return PortalSettings(
        client_id=entry["client_id"],
        client_secret=entry.get("client_secret", ""),
        name=entry["name"],
        port=int(entry["port"]),
        theme=str(entry["theme"]),
        is_pushed=bool(entry["is_pushed"]),
        private_key=entry.get("private_key"),
        kiosk=kiosk,
        desk=desk,
    )
