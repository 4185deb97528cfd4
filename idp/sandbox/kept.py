"""What a page remembers of each browser, on its own side of a cookie; the oldest is forgotten."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")
_MOST = 1000


class Kept(Generic[T]):
    """One thing for each cookie."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: OrderedDict[str, T] = OrderedDict()

    def find(self, cookie: str | None) -> T | None:
        """What this browser has."""
        with self._lock:
            return self._things.get(cookie or "")

    def keep(self, thing: T) -> str:
        """Keep it; answers the cookie to set."""
        cookie = secrets.token_urlsafe(24)
        with self._lock:
            self._things[cookie] = thing
            if len(self._things) > _MOST:
                self._things.popitem(last=False)
        return cookie

    def forget(self, cookie: str | None) -> T | None:
        """Forget it; answers what it was."""
        with self._lock:
            return self._things.pop(cookie or "", None)

    def all(self) -> tuple[T, ...]:
        """Everything of every browser."""
        with self._lock:
            return tuple(self._things.values())
