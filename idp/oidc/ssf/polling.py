"""Receivers fetch their events (RFC 8936): what they acknowledge is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import structlog

from idp import config
from idp.domain.clients import Client
from idp.oidc.calls import Call, Reply
from idp.oidc.ssf.receivers import READ, Receivers, read_id, reply, unknown
from idp.oidc.ssf.requests import PollRequest, SetError, read
from idp.oidc.ssf.sets import SetMaker, made_of
from idp.storage.signals import SignalStore
from idp.storage.streams import Stream

_MOST_EVENTS = 100
_LOOK_AGAIN_SECONDS, _WAITING_AT_ONCE = 0.25, 2
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Polling:
    """The endpoint, as a function of bytes."""

    receivers: Receivers
    sets: SetMaker
    signals: SignalStore
    settings: config.Signals
    sleep: Callable[[float], None]
    waiters: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_WAITING_AT_ONCE)
    )

    def poll(self, call: Call, stream_id: str) -> Reply:
        """Section 2.4: forget what was received, hand out the oldest of the rest."""
        client = self.receivers.client(call, READ)
        asked = read(call.body, PollRequest)
        stream = self.receivers.stream(client, stream_id)
        if stream.is_push:
            raise unknown()
        self._forget(stream, asked.ack, asked.set_errs)
        most = _MOST_EVENTS if asked.max_events is None else min(asked.max_events, _MOST_EVENTS)
        found, more = self._next(stream, client, most)
        if not found and most and not asked.return_immediately:
            found, more = self._wait(stream, client, most)
        return reply({"sets": found, "moreAvailable": more})

    def _forget(self, stream: Stream, ack: Collection[str], errors: dict[str, SetError]) -> None:
        """What was received, and what the receiver cannot use: neither is sent again."""
        for jti, error in errors.items():
            _log.warning(
                "ssf.set_refused", client_id=stream.client_id, jti=jti[:32], err=error.err[:64]
            )
        ids = [found for text in (*ack, *errors) if (found := read_id(text)) is not None]
        self.signals.remove(stream.id, ids)

    def _next(self, stream: Stream, client: Client, most: int) -> tuple[dict[str, str], bool]:
        """Tokens by jti, and whether there are more."""
        found = self.signals.waiting(stream.id, stream.status, limit=most + 1)
        chosen = found[:most]
        made = made_of(self.sets, self.receivers.streams, stream, client, chosen)
        useless = [each.id for each in chosen if each.id not in made]
        self.signals.remove(stream.id, useless)
        tokens = {each.id.hex: made[each.id] for each in chosen if each.id in made}
        return tokens, len(found) > most

    def _wait(self, stream: Stream, client: Client, most: int) -> tuple[dict[str, str], bool]:
        """Long polling, for a few at a time: a thread that waits serves nobody else."""
        if not self.waiters.acquire(blocking=False):
            return {}, False
        try:
            for _ in range(int(self.settings.poll_wait / _LOOK_AGAIN_SECONDS)):
                self.sleep(_LOOK_AGAIN_SECONDS)
                found, more = self._next(stream, client, most)
                if found:
                    return found, more
            return {}, False
        finally:
            self.waiters.release()
