"""The management API of streams (SSF 1.0, section 8), without HTTP.

Every call is of a client with a token of its own (client credentials) whose scope has
``ssf.manage``, or ``ssf.read`` where nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from idp import config
from idp.domain.signals import SUPPORTED, Signal, SignalType
from idp.oidc.calls import Call, Reply
from idp.oidc.client_addresses import Loopback, fault_of_called_uri, origin
from idp.oidc.ssf.configuration import POLL, POLL_PATH, PUSH
from idp.oidc.ssf.polling import Polling
from idp.oidc.ssf.receivers import MANAGE, READ, Receivers, empty, read_id, reply, unknown
from idp.oidc.ssf.requests import (
    Delivery,
    SsfError,
    StatusRequest,
    StreamRequest,
    SubjectRequest,
    VerificationRequest,
    read,
)
from idp.oidc.ssf.sets import SetMaker
from idp.ports import Clock
from idp.storage import signals
from idp.storage.database import Database
from idp.storage.signals import SignalStore
from idp.storage.streams import Status, Stream, StreamStore

_LONGEST_DESCRIPTION, _LONGEST_SUB = 256, 255


@dataclass(frozen=True, slots=True)
class Transmitter:
    """The endpoints, as functions of bytes."""

    receivers: Receivers
    polling: Polling
    sets: SetMaker
    database: Database
    streams: StreamStore
    signals: SignalStore
    settings: config.Signals
    loopback: Loopback
    clock: Clock

    # --- streams (section 8.1.1) ----------------------------------------------------------------

    def create(self, call: Call) -> Reply:
        """Section 8.1.1.1."""
        client, now = self.receivers.client(call, MANAGE), self.clock()
        asked = read(call.body, StreamRequest)
        blank = Stream(UUID(int=0), client.client_id, False, "", "", (), None)  # noqa: FBT003
        made = self.streams.add(self._changed(blank, asked), now=now)
        if made is None:
            raise SsfError(409, "conflict", "the client has all the streams it may have")
        return reply(self._shown(made, with_secret=True), 201)

    def read(self, call: Call, stream_id: str | None) -> Reply:
        """Section 8.1.1.2: one, or a list of all."""
        client, scopes = self.receivers.caller(call, READ)
        with_secret = bool(scopes & MANAGE)
        if stream_id is not None:
            stream = self.receivers.stream(client, stream_id)
            return reply(self._shown(stream, with_secret=with_secret))
        self.streams.touch(client.client_id, None, now=self.clock())
        every = self.streams.of_client(client.client_id)
        return reply([self._shown(each, with_secret=with_secret) for each in every])

    def update(self, call: Call) -> Reply:
        """Section 8.1.1.3: what is missing stays."""
        client = self.receivers.client(call, MANAGE)
        asked = read(call.body, StreamRequest)
        stream = self.receivers.stream(client, asked.stream_id or "")
        self._check_supplied(stream, asked)
        return self._save(self._changed(stream, asked))

    def replace(self, call: Call) -> Reply:
        """Section 8.1.1.4: what is missing goes."""
        client = self.receivers.client(call, MANAGE)
        asked = read(call.body, StreamRequest)
        stream = self.receivers.stream(client, asked.stream_id or "")
        self._check_supplied(stream, asked)
        bare = replace(
            stream,
            is_push=False,
            endpoint_url="",
            authorization_header="",
            events_requested=(),
            description=None,
        )
        return self._save(self._changed(bare, asked))

    def delete(self, call: Call, stream_id: str | None) -> Reply:
        """Section 8.1.1.5."""
        client = self.receivers.client(call, MANAGE)
        found = read_id(stream_id)
        if found is None or not self.streams.remove(client.client_id, found):
            raise unknown()
        return empty(204)

    def _save(self, stream: Stream) -> Reply:
        self.streams.save(stream, now=self.clock())
        return reply(self._shown(stream, with_secret=True))

    def _changed(self, stream: Stream, asked: StreamRequest) -> Stream:
        """The stream with what the receiver supplies."""
        if asked.events_requested is not msgspec.UNSET:
            wanted = dict.fromkeys(asked.events_requested or ())
            stream = replace(stream, events_requested=tuple(wanted))
        if asked.description is not msgspec.UNSET:
            text = asked.description
            stream = replace(stream, description=text and text[:_LONGEST_DESCRIPTION])
        if asked.delivery is not msgspec.UNSET:
            stream = self._delivered(stream, asked.delivery or Delivery())
        return stream

    def _delivered(self, stream: Stream, delivery: Delivery) -> Stream:
        if delivery.method == POLL:
            if delivery.endpoint_url not in {"", self._poll_url(stream)}:
                raise SsfError(400, "invalid_request", "endpoint_url of polling is ours to say")
            return replace(stream, is_push=False, endpoint_url="", authorization_header="")
        if delivery.method != PUSH:
            raise SsfError(400, "invalid_request", "delivery method is not supported")
        fault = fault_of_called_uri(delivery.endpoint_url, self.loopback)
        if origin(delivery.endpoint_url) == origin(self.sets.tokens.issuer):
            fault = "is an address of the provider"
        header = delivery.authorization_header or ""
        if fault:
            raise SsfError(400, "invalid_request", f"endpoint_url {fault}")
        if header and not (header.isascii() and header.isprintable()):
            raise SsfError(400, "invalid_request", "authorization_header is no header value")
        return replace(
            stream,
            is_push=True,
            endpoint_url=delivery.endpoint_url,
            authorization_header=header,
        )

    def _check_supplied(self, stream: Stream, asked: StreamRequest) -> None:
        """What is ours to say may be repeated, not changed."""
        expected = self._shown(stream, with_secret=False)
        for name in (
            "iss",
            "aud",
            "events_supported",
            "events_delivered",
            "min_verification_interval",
            "inactivity_timeout",
        ):
            value = getattr(asked, name)
            if value is not msgspec.UNSET and value != expected[name]:
                raise SsfError(400, "invalid_request", f"{name} is not what the stream has")

    def _shown(self, stream: Stream, *, with_secret: bool) -> dict[str, Any]:
        delivery = {"method": POLL, "endpoint_url": self._poll_url(stream)}
        if stream.is_push:
            delivery = {"method": PUSH, "endpoint_url": stream.endpoint_url}
            if with_secret and stream.authorization_header:
                delivery["authorization_header"] = stream.authorization_header
        shown = {
            "stream_id": stream.id.hex,
            "iss": self.sets.tokens.issuer,
            "aud": stream.client_id,
            "delivery": delivery,
            "events_supported": list(SUPPORTED),
            "events_requested": list(stream.events_requested),
            "events_delivered": [kind for kind in SUPPORTED if kind in stream.events_requested],
            "min_verification_interval": self.settings.verification_interval,
            "inactivity_timeout": self.settings.inactivity,
        }
        return shown | ({"description": stream.description} if stream.description else {})

    def _poll_url(self, stream: Stream) -> str:
        return f"{self.sets.tokens.issuer}{POLL_PATH}/{stream.id.hex}"

    # --- status (section 8.1.2) -----------------------------------------------------------------

    def read_status(self, call: Call, stream_id: str | None) -> Reply:
        """Section 8.1.2.1."""
        return _status(self.receivers.stream(self.receivers.client(call, READ), stream_id or ""))

    def update_status(self, call: Call) -> Reply:
        """Section 8.1.2.2. Paused holds what comes, disabled forgets it."""
        client = self.receivers.client(call, MANAGE)
        asked = read(call.body, StatusRequest)
        stream = self.receivers.stream(client, asked.stream_id)
        if asked.status not in set(Status):
            raise SsfError(400, "invalid_request", "status is enabled, paused or disabled")
        changed = replace(stream, status=Status(asked.status), reason=asked.reason)
        self.streams.set_status(stream.id, changed.status, changed.reason, now=self.clock())
        return _status(changed)

    # --- subjects (section 8.1.3) ---------------------------------------------------------------

    def add_subject(self, call: Call) -> Reply:
        """Section 8.1.3.2. The answer never tells whether there is such a person (9.1)."""
        stream, sub = self._subject(call)
        if sub:
            self.streams.add_subject(stream.id, sub)
        return empty(200)

    def remove_subject(self, call: Call) -> Reply:
        """Section 8.1.3.3."""
        stream, sub = self._subject(call)
        if sub and not self.streams.remove_subject(stream.id, sub):
            raise SsfError(429, "slow_down", "too many subjects are removed")
        return empty(204)

    def _subject(self, call: Call) -> tuple[Stream, str]:
        """The stream, and the sub of a subject that we know people by; else nothing."""
        client = self.receivers.client(call, MANAGE)
        asked = read(call.body, SubjectRequest)
        stream = self.receivers.stream(client, asked.stream_id)
        found = asked.subject
        if not isinstance(found.get("format"), str):
            raise SsfError(400, "invalid_request", "subject has no format")
        if found["format"] == "complex":
            user = found.get("user")
            found = user if isinstance(user, dict) else {}
        sub = found.get("sub")
        is_ours = found.get("format") == "iss_sub" and found.get("iss") == self.sets.tokens.issuer
        if not is_ours or not isinstance(sub, str) or len(sub) > _LONGEST_SUB:
            return stream, ""
        return stream, sub if sub.isascii() and sub.isprintable() else ""

    # --- verification (section 8.1.4) -----------------------------------------------------------

    def verify(self, call: Call) -> Reply:
        """Section 8.1.4.2."""
        client, now = self.receivers.client(call, MANAGE), self.clock()
        asked = read(call.body, VerificationRequest)
        stream = self.receivers.stream(client, asked.stream_id)
        if stream.status is Status.DISABLED:
            raise SsfError(400, "invalid_request", "the stream is disabled")
        interval = timedelta(seconds=self.settings.verification_interval)
        details = {} if asked.state is None else {"state": asked.state}
        with self.database.transaction() as connection:
            if not self.streams.may_verify(connection, stream.id, now=now, interval=interval):
                raise SsfError(429, "slow_down", "min_verification_interval has not passed")
            signal = Signal(SignalType.VERIFICATION, details)
            signals.add_about_stream(connection, stream.id, signal, now=now)
        return empty(204)


def pause_inactive(
    database: Database, streams: StreamStore, *, timeout: timedelta, now: datetime
) -> int:
    """Pause streams whose receivers are gone, and say so in the stream (SSF, 8.1.1, 8.1.5)."""
    reason = "The receiver was not here for inactivity_timeout."
    details = {"status": str(Status.PAUSED), "reason": reason}
    with database.transaction() as connection:
        ended = streams.end_inactive(connection, before=now - timeout, reason=reason)
        for stream_id in ended:
            signal = Signal(SignalType.STREAM_UPDATED, details)
            signals.add_about_stream(connection, stream_id, signal, now=now)
    return len(ended)


def _status(stream: Stream) -> Reply:
    found = {"stream_id": stream.id.hex, "status": stream.status}
    return reply(found | ({"reason": stream.reason} if stream.reason else {}))
