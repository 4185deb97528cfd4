"""Wrong secrets of a client, counted by the network they come from (RFC 6749, 2.3.1 and 10.10).

A secret of ours has 256 bits and an operator's own may have fewer. The count is this process's
alone and costs no statement: it slows guessing down, and honest calls from elsewhere never.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from idp.flows.limits import network

MOST: Final = 300
WINDOW: Final = timedelta(minutes=1)
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class Guesses:
    """How many were wrong since when, by client and network."""

    most: int = MOST
    _known: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)

    def is_over(self, client_id: str, address: str, *, now: datetime) -> bool:
        """Whether this network guesses no more for now, not even right."""
        if not self._known:
            return False
        since, count = self._known.get((client_id, network(address)), (now, 0))
        return count >= self.most and now - since < WINDOW

    def note(self, client_id: str, address: str, *, now: datetime) -> None:
        """One more was wrong."""
        key = client_id, network(address)
        since, count = self._known.get(key, (now, 0))
        if now - since >= WINDOW:
            since, count = now, 0
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = since, count + 1
