"""About where an address is, from a file that the operator provides (MaxMind format)."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import maxminddb

from idp.domain.errors import ConfigError


class Places:
    """Names of places; without a file it knows none."""

    def __init__(self, path: str) -> None:
        try:
            self._file = maxminddb.open_database(path) if path else None
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise ConfigError([f"[account] places: cannot read {Path(path)}: {error}"]) from error

    def name(self, ip: str, language: str) -> str:
        """City and country of an address, as far as they are known."""
        if self._file is None:
            return ""
        try:
            found: Any = self._file.get(str(ip_address(ip)))
        except ValueError:
            return ""
        record = found if isinstance(found, dict) else {}
        parts = (_name(record.get(kind), language) for kind in ("city", "country"))
        return ", ".join(part for part in parts if part)


def _name(part: object, language: str) -> str:
    names = part.get("names") if isinstance(part, dict) else None
    if not isinstance(names, dict):
        return ""
    return str(names.get(language) or names.get("en") or "")
