"""Wrong secrets of a client, counted by the network they come from (RFC 6749, 2.3.1 and 10.10).

What keeps a secret from being guessed is its 256 bits; the right one counts at any time, or a
stranger could lock a portal out. Who guesses on is told to stop, and operators hear of it. The
count is this process's alone and costs no statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from idp.flows.limits import network

MOST: Final = 300
WINDOW: Final = timedelta(minutes=1)
_MOST_REMEMBERED = 10_000
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Guesses:
    """How many were wrong since when, by client and network."""

    most: int = MOST
    _known: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)

    def is_over(self, client_id: str, address: str, *, now: datetime) -> bool:
        """Count one more that was wrong; whether they are more than somebody errs."""
        key = client_id, network(address)
        since, count = self._known.get(key, (now, 0))
        if now - since >= WINDOW:
            since, count = now, 0
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = since, count + 1
        if count == self.most:
            _log.warning("client.secret_guessed", client_id=client_id)
        return count >= self.most
