"""What the demo portals received, for whoever checks the provider from outside."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_MOST_EVENTS = 10_000


class Events:
    """The newest events of all portals, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[dict[str, Any]] = deque(maxlen=_MOST_EVENTS)

    def record(self, *, portal: str, kind: str, claims: Mapping[str, Any]) -> None:
        """Keep one event (login, error, logout_token, frontchannel_logout, security_event)."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = {"portal": portal, "at": at, "type": kind, "claims": dict(claims)}
        with self._lock:
            self._events.append(event)

    def all(self) -> list[dict[str, Any]]:
        """Oldest first."""
        with self._lock:
            return list(self._events)
