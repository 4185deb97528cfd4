"""The management API of streams (SSF 1.0, section 8) and polling (RFC 8936), without HTTP.

Every call is of a client with a token of its own (client credentials) whose scope has
``ssf.manage``, or ``ssf.read`` where nothing changes. A client reaches its own streams only: one of
another client does not exist for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from idp import config
from idp.domain.clients import Client
from idp.domain.signals import SUPPORTED, Signal, SignalType
from idp.oidc.calls import Call, Reply
from idp.oidc.client_metadata import Loopback, fault_of_called_uri
from idp.oidc.errors import InvalidDpopProofError, UseDpopNonceError
from idp.oidc.proof import Binding, Proofs
from idp.oidc.ssf.configuration import POLL, POLL_PATH, PUSH
from idp.oidc.ssf.requests import (
    Delivery,
    PollRequest,
    SetError,
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
from idp.storage.signals import SignalStore, Waiting
from idp.storage.streams import Status, Stream, StreamStore

MANAGE: Final = frozenset({"ssf.manage"})
READ: Final = frozenset({"ssf.manage", "ssf.read"})
_LONGEST_DESCRIPTION, _MOST_EVENTS, _LONGEST_SUB = 256, 100, 255
_LOOK_AGAIN_SECONDS, _WAITING_AT_ONCE = 0.25, 2
_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Transmitter:
    """The endpoints, as functions of bytes."""

    sets: SetMaker
    proofs: Proofs
    find_client: Callable[[str], Client | None]
    database: Database
    streams: StreamStore
    signals: SignalStore
    settings: config.Signals
    loopback: Loopback
    clock: Clock
    sleep: Callable[[float], None]
    waiters: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_WAITING_AT_ONCE)
    )

    # --- streams (section 8.1.1) ----------------------------------------------------------------

    def create(self, call: Call) -> Reply:
        """Section 8.1.1.1."""
        client, now = self._client(call, MANAGE), self.clock()
        asked = read(call.body, StreamRequest)
        empty = Stream(UUID(int=0), client.client_id, False, "", "", (), None)  # noqa: FBT003
        made = self.streams.add(self._changed(empty, asked), now=now)
        if made is None:
            raise SsfError(409, "conflict", "the client has all the streams it may have")
        return _reply(self._shown(made, with_secret=True), 201)

    def read(self, call: Call, stream_id: str | None) -> Reply:
        """Section 8.1.1.2: one, or a list of all."""
        client, scopes = self._caller(call, READ)
        with_secret = bool(scopes & MANAGE)
        if stream_id is not None:
            stream = self._stream(client, stream_id)
            return _reply(self._shown(stream, with_secret=with_secret))
        self.streams.touch(client.client_id, None, now=self.clock())
        every = self.streams.of_client(client.client_id)
        return _reply([self._shown(each, with_secret=with_secret) for each in every])

    def update(self, call: Call) -> Reply:
        """Section 8.1.1.3: what is missing stays."""
        client = self._client(call, MANAGE)
        asked = read(call.body, StreamRequest)
        stream = self._stream(client, asked.stream_id or "")
        self._check_supplied(stream, asked)
        return self._save(self._changed(stream, asked))

    def replace(self, call: Call) -> Reply:
        """Section 8.1.1.4: what is missing goes."""
        client = self._client(call, MANAGE)
        asked = read(call.body, StreamRequest)
        stream = self._stream(client, asked.stream_id or "")
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
        client = self._client(call, MANAGE)
        found = _read_id(stream_id)
        if found is None or not self.streams.remove(client.client_id, found):
            raise _unknown()
        return _empty(204)

    def _save(self, stream: Stream) -> Reply:
        self.streams.save(stream, now=self.clock())
        return _reply(self._shown(stream, with_secret=True))

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
        return _status(self._stream(self._client(call, READ), stream_id or ""))

    def update_status(self, call: Call) -> Reply:
        """Section 8.1.2.2. Paused holds what comes, disabled forgets it."""
        client = self._client(call, MANAGE)
        asked = read(call.body, StatusRequest)
        stream = self._stream(client, asked.stream_id)
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
        return _empty(200)

    def remove_subject(self, call: Call) -> Reply:
        """Section 8.1.3.3."""
        stream, sub = self._subject(call)
        if sub and not self.streams.remove_subject(stream.id, sub):
            raise SsfError(429, "slow_down", "too many subjects are removed")
        return _empty(204)

    def _subject(self, call: Call) -> tuple[Stream, str]:
        """The stream, and the sub of a subject that we know people by; else nothing."""
        client = self._client(call, MANAGE)
        asked = read(call.body, SubjectRequest)
        stream = self._stream(client, asked.stream_id)
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
        client, now = self._client(call, MANAGE), self.clock()
        asked = read(call.body, VerificationRequest)
        stream = self._stream(client, asked.stream_id)
        if stream.status is Status.DISABLED:
            raise SsfError(400, "invalid_request", "the stream is disabled")
        interval = timedelta(seconds=self.settings.verification_interval)
        details = {} if asked.state is None else {"state": asked.state}
        with self.database.transaction() as connection:
            if not self.streams.may_verify(connection, stream.id, now=now, interval=interval):
                raise SsfError(429, "slow_down", "min_verification_interval has not passed")
            signal = Signal(SignalType.VERIFICATION, details)
            signals.add_about_stream(connection, stream.id, signal, now=now)
        return _empty(204)

    # --- polling (RFC 8936) ---------------------------------------------------------------------

    def poll(self, call: Call, stream_id: str) -> Reply:
        """Section 2.4: forget what was received, hand out the oldest of the rest."""
        client = self._client(call, READ)
        asked = read(call.body, PollRequest)
        stream = self._stream(client, stream_id)
        if stream.is_push:
            raise _unknown()
        self._forget(stream, asked.ack, asked.set_errs)
        most = _MOST_EVENTS if asked.max_events is None else min(asked.max_events, _MOST_EVENTS)
        found, more = self._next(stream, client, most)
        if not found and most and not asked.return_immediately:
            found, more = self._wait(stream, client, most)
        return _reply({"sets": found, "moreAvailable": more})

    def _forget(self, stream: Stream, ack: Collection[str], errors: dict[str, SetError]) -> None:
        """What was received, and what the receiver cannot use: neither is sent again."""
        for jti, error in errors.items():
            _log.warning(
                "ssf.set_refused", client_id=stream.client_id, jti=jti[:32], err=error.err[:64]
            )
        ids = [found for text in (*ack, *errors) if (found := _read_id(text)) is not None]
        self.signals.remove(stream.id, ids)

    def _next(self, stream: Stream, client: Client, most: int) -> tuple[dict[str, str], bool]:
        """Tokens by jti, and whether there are more."""
        found = self.signals.waiting(stream.id, stream.status, limit=most + 1)
        chosen = found[:most]
        made = made_of(self.sets, self.streams, stream, client, chosen)
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

    # --- who asks -------------------------------------------------------------------------------

    def _client(self, call: Call, scopes: frozenset[str]) -> Client:
        """The client that calls. Raises ``SsfError`` (RFC 6750, 3.1)."""
        return self._caller(call, scopes)[0]

    def _caller(self, call: Call, scopes: frozenset[str]) -> tuple[Client, frozenset[str]]:
        """The client of a token of its own, and what the token is for. Raises ``SsfError``."""
        if not call.authorization:
            raise SsfError(401, "")
        found = self._read_token(call)
        client = self.find_client(str(found["client_id"])) if found else None
        if found is None or client is None:
            raise SsfError(401, "invalid_token")
        granted = frozenset(str(found.get("scope", "")).split())
        if not scopes & granted:
            raise SsfError(403, "insufficient_scope")
        return client, granted

    def _read_token(self, call: Call) -> dict[str, Any] | None:
        """A person's token manages nothing; one that is bound to a key comes with its proof."""
        now = self.clock()
        scheme, _, token = (call.authorization or "").partition(" ")
        token = token.strip()
        found = self.sets.tokens.read_access_token(token, now=int(now.timestamp()))
        issuer = self.sets.tokens.issuer
        if found is None or found.get("aud") != issuer or found["sub"] != found["client_id"]:
            return None
        cnf = found.get("cnf", {})
        binding = Binding(cnf.get("jkt", ""), cnf.get("x5t#S256", ""))
        if scheme.lower() != binding.token_type.lower():
            return None
        try:
            return found if self.proofs.holds(binding, call, token, now=now) else None
        except (InvalidDpopProofError, UseDpopNonceError) as error:
            raise SsfError(401, error.error) from error

    def _stream(self, client: Client, stream_id: str) -> Stream:
        """The client's own stream, noted as in use. Raises ``SsfError``."""
        found = _read_id(stream_id)
        stream = self.streams.find(client.client_id, found) if found else None
        if stream is None:
            raise _unknown()
        self.streams.touch(client.client_id, stream.id, now=self.clock())
        return stream


def made_of(
    sets: SetMaker, streams: StreamStore, stream: Stream, client: Client, waiting: list[Waiting]
) -> dict[UUID, str]:
    """The tokens of these events, without those about people that the receiver removed."""
    subs = {each.id: sets.sub(client, each) for each in waiting}
    removed = streams.removed(stream.id, sorted({sub for sub in subs.values() if sub}))
    tokens = {
        each.id: sets.make(stream, client, each) for each in waiting if subs[each.id] not in removed
    }
    return {found: token for found, token in tokens.items() if token is not None}


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


def _read_id(text: str | None) -> UUID | None:
    try:
        return UUID(hex=text) if text and len(text) <= 36 else None  # noqa: PLR2004  the longest form
    except ValueError:
        return None


def _unknown() -> SsfError:
    return SsfError(404, "not_found", "the client has no such stream")


def _status(stream: Stream) -> Reply:
    found = {"stream_id": stream.id.hex, "status": stream.status}
    return _reply(found | ({"reason": stream.reason} if stream.reason else {}))


def _reply(content: object, status: int = 200) -> Reply:
    return Reply(status, _encode(content))


def _empty(status: int) -> Reply:
    return Reply(status, b"")
