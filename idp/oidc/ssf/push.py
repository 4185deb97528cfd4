"""Push delivery (RFC 8935): one stream at a time, its events in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec
import structlog

from idp.domain.clients import Client
from idp.domain.errors import PortUnavailable
from idp.oidc.ssf.sets import SetMaker, made_of
from idp.ports import Clock, WebClient
from idp.storage.signals import SignalStore
from idp.storage.streams import Stream, StreamStore

_BATCH = 20
_ACCEPTED: Final = range(200, 300)
_REFUSED = 400
_WORTH_A_RETRY: Final = frozenset({"authentication_failed", "access_denied"})
"""Answers that are about us and our key for the endpoint, not about the token (2.4)."""
_log = structlog.get_logger(__name__)


class _Error(msgspec.Struct, frozen=True):
    """RFC 8935, 2.3."""

    err: str = ""


@dataclass(frozen=True, slots=True)
class Pusher:
    """Sends what waits in push streams."""

    sets: SetMaker
    streams: StreamStore
    signals: SignalStore
    find_client: Callable[[str], Client | None]
    web: WebClient
    clock: Clock

    def send(self, stream: Stream, backoff: Callable[[int], timedelta]) -> None:
        """Send a batch of a claimed stream, and let it go."""
        outcome, now = self._send_all(stream), self.clock()
        if outcome is None:
            self.streams.release(stream, "delivered", run_at=now, failures=0)
            return
        failures = stream.failures + 1
        _log.warning("ssf.push_failed", client_id=stream.client_id, outcome=outcome)
        self.streams.release(stream, outcome, run_at=now + backoff(failures), failures=failures)

    def _send_all(self, stream: Stream) -> str | None:
        """None when all went well, else why it stopped."""
        client = self.find_client(stream.client_id)
        if client is None:
            return "the client is gone"
        waiting = self.signals.waiting(stream.id, stream.status, limit=_BATCH)
        made = made_of(self.sets, self.streams, stream, client, waiting)
        for each in waiting:
            if each.id in made:
                outcome = self._post(stream, made[each.id])
                if outcome is not None:
                    return outcome
            self.signals.remove(stream.id, [each.id])
        return None

    def _post(self, stream: Stream, token: str) -> str | None:
        """None when it was taken, or refused for good."""
        headers = {"Content-Type": "application/secevent+jwt", "Accept": "application/json"}
        if stream.authorization_header:
            headers["Authorization"] = stream.authorization_header
        try:
            answer = self.web.post(stream.endpoint_url, token.encode(), headers=headers)
        except PortUnavailable as error:
            return f"no answer ({error})"
        if answer.status in _ACCEPTED:
            return None
        err = _err(answer.body) if answer.status == _REFUSED else ""
        if answer.status == _REFUSED and err not in _WORTH_A_RETRY:
            _log.warning("ssf.set_refused", client_id=stream.client_id, err=err)
            return None
        return f"answered {answer.status} {err}".strip()


def _err(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Error).err[:64]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
