"""The one way out: every call to an outside system goes through here.

No redirects, no proxy from the environment, bounded time and size, our key in the header; after
five failures in a row the breaker answers at once for ten seconds.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import httpx2 as httpx
import msgspec

from idp.config import System, Tls
from idp.domain.errors import PortAnswerInvalid, PortUnavailable, PortUnreached
from idp.metrics import OUTSIDE_SECONDS, Meter

T = TypeVar("T")
_MOST_BYTES = 65536
_FAULT = 500
_TURNED_AWAY = frozenset({429, 503})
"""Unread: too many questions, or out of service (RFC 6585, 4; RFC 9110, 15.6.4)."""

_FAILURES, _OPEN_SECONDS = 5, 10.0


@cache
def tls_context(ca_bundle: str) -> ssl.SSLContext:
    """Whom outgoing calls trust: a PEM file, or what the system trusts. Read once a process."""
    return ssl.create_default_context(cafile=ca_bundle or None)


class Breaker:
    """Spares a system that fails, and the people who would wait for it."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer, self._lock = timer, threading.Lock()
        self._failures, self._open_until = 0, 0.0

    def is_open(self) -> bool:
        """Whether not to ask at all; one request is let through when the time is over."""
        with self._lock:
            if self._failures < _FAILURES:
                return False
            if self._timer() < self._open_until:
                return True
            self._open_until = self._timer() + _OPEN_SECONDS
            return False

    def note(self, *, is_success: bool) -> None:
        """Count a result."""
        with self._lock:
            self._failures = 0 if is_success else self._failures + 1
            if self._failures == _FAILURES:
                self._open_until = self._timer() + _OPEN_SECONDS


class Watched:
    """Counts calls of one outside system: how long each took, and what came of it."""

    def __init__(self, name: str, meter: Meter | None) -> None:
        self._name, self._meter = name, meter or Meter()

    def spared(self) -> None:
        """The breaker answered in its place."""
        self._meter.time(OUTSIDE_SECONDS, 0, self._name, "spared")

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Around one call; what it raises is its outcome."""
        started, outcome = time.perf_counter(), "unavailable"
        try:
            yield
            outcome = "answered"
        except PortAnswerInvalid:
            outcome = "invalid"
            raise
        finally:
            self._meter.time(OUTSIDE_SECONDS, time.perf_counter() - started, self._name, outcome)


class Fetcher:
    """Fetches an address that the operator configured: no redirects, one deadline, capped size."""

    def __init__(self, name: str, tls: Tls, *, seconds: float, meter: Meter | None = None) -> None:
        self._name, self._seconds = name, seconds
        self._watched = Watched(name, meter)
        context = tls_context(tls.ca_bundle)
        self._client = httpx.Client(
            timeout=seconds, follow_redirects=False, trust_env=False, verify=context
        )

    def __call__(self, url: str, *, body: bytes | None, content_type: str, most: int) -> bytes:
        """The body of a 200; a POST when there is a ``body``. Raises ``PortUnavailable``."""
        with self._watched():
            return self._fetch(url, body=body, content_type=content_type, most=most)

    def _fetch(self, url: str, *, body: bytes | None, content_type: str, most: int) -> bytes:
        method = "GET" if body is None else "POST"
        headers = {"Content-Type": content_type} if body is not None else {}
        deadline = time.monotonic() + self._seconds
        try:
            with self._client.stream(method, url, content=body, headers=headers) as response:
                if response.status_code != httpx.codes.OK:
                    raise PortUnavailable(self._name, f"status {response.status_code}")
                data = bytearray()
                for part in response.iter_bytes():
                    data += part
                    if len(data) > most or time.monotonic() > deadline:
                        raise PortUnavailable(self._name, "answer is too long or too slow")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PortUnavailable(self._name, type(error).__name__) from error
        return bytes(data)


class Caller:
    """One outside system."""

    def __init__(self, name: str, system: System, tls: Tls, meter: Meter | None = None) -> None:
        self._name, self._retries = name, system.retries
        self._breaker, self._watched = Breaker(), Watched(name, meter)
        context = tls_context(tls.ca_bundle)
        self._client = httpx.Client(
            base_url=system.url,
            timeout=system.timeout,
            headers={"Authorization": f"Bearer {system.api_key}"},
            follow_redirects=False,
            trust_env=False,
            verify=context,
        )

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        answer: type[T],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Send JSON, read JSON of exactly that shape. Raises ``PortError``."""
        self._check_breaker()
        with self._watched():
            return self._post(path, body, answer, dict(headers or {}))

    def _post(
        self, path: str, body: Mapping[str, object], answer: type[T], headers: dict[str, str]
    ) -> T:
        try:
            data = self._send(path, msgspec.json.encode(body), headers)
        except PortUnavailable:
            self._breaker.note(is_success=False)
            raise
        try:
            found = msgspec.json.decode(data, type=answer)
        except (msgspec.DecodeError, RecursionError) as error:
            self._breaker.note(is_success=False)
            raise PortAnswerInvalid(self._name, "answer has another shape") from error
        self._breaker.note(is_success=True)
        return found

    def post_any(self, path: str, body: Mapping[str, object]) -> tuple[int, bytes]:
        """Send JSON; the status and body of a 200, or of a 500 that may be the protocol's fault.

        Raises ``PortUnavailable``.
        """
        self._check_breaker()
        try:
            with self._watched():
                found = self._exchange(path, msgspec.json.encode(body), {}, faults=True)
        except PortUnavailable:
            self._breaker.note(is_success=False)
            raise
        self._breaker.note(is_success=True)
        return found

    def _check_breaker(self) -> None:
        if self._breaker.is_open():
            self._watched.spared()
            raise PortUnreached(self._name, "breaker is open")

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        return self._exchange(path, body, headers, faults=False)[1]

    def _exchange(
        self, path: str, body: bytes, headers: dict[str, str], *, faults: bool
    ) -> tuple[int, bytes]:
        headers |= {"Content-Type": "application/json"}
        for attempt in range(self._retries + 1):
            try:
                with self._client.stream("POST", path, content=body, headers=headers) as response:
                    if not response.is_success and not (faults and response.status_code == _FAULT):
                        raise self._refused(response.status_code)
                    return response.status_code, self._read(response)
            except httpx.ConnectError as error:
                # Nothing was sent, so asking again cannot do a thing twice.
                if attempt == self._retries:
                    raise PortUnreached(self._name, "no connection") from error
            except httpx.HTTPError as error:
                raise PortUnavailable(self._name, type(error).__name__) from error
        raise PortUnreached(self._name, "no connection")

    def _refused(self, status: int) -> PortUnavailable:
        """Whether it may have begun what was asked for before it answered that."""
        kind = PortUnreached if status in _TURNED_AWAY else PortUnavailable
        return kind(self._name, f"status {status}")

    def _read(self, response: httpx.Response) -> bytes:
        data = b""
        for part in response.iter_bytes():
            data += part
            if len(data) > _MOST_BYTES:
                raise PortAnswerInvalid(self._name, "answer is too long")
        return data
