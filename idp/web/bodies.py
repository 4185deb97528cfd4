"""Bodies are read before the work begins, in a room that slow senders cannot fill (CWE-400, 770).

granian hands a request over as soon as its headers are there and sets no limit to its body: whoever
announces one and sends nothing would hold a thread for as long as they like, and a few of them all
of them. So there are more threads than may work at a time; who reads holds none of the working
seats, and a sender who takes too long loses the connection. A front that buffers (docs/nginx) never
lets it come to that, so the connections of trusted proxies are left alone.

A body that ends before its announced length is no request (RFC 9112, 8).
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from idp.web.security import MAX_BODY, SERVER, Network

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATIENCE, HURRY = 10.0, 2.0
"""Seconds that a body may take, also where most of the room waits for some."""
ROOM = 60
"""Requests of one process whose bodies may be on their way, beside those that are worked on."""
_LOOK_EVERY = 0.5
_LAST_SENT = 44  # struct tcp_info: tcpi_last_data_sent, milliseconds ago
_log = structlog.get_logger(__name__)

Wsgi = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]
Cut = Callable[[str, float], int]
"""Close the connections from an address over which nothing was sent for some seconds."""


_here = threading.local()


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Leave the seat to others meanwhile: a flood of sign-ins queues without starving the rest."""
    seats: SimpleQueue[None] | None = getattr(_here, "seats", None)
    if seats is None:
        yield
        return
    seats.put(None)
    try:
        yield
    finally:
        seats.get()


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Bodies:
    """A WSGI application around all others. ``seats`` requests are worked on at a time."""

    def __init__(
        self,
        app: Wsgi,
        *,
        seats: int,
        cut: Cut,
        trusted: tuple[Network, ...] = (),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._cut, self._trusted, self._timer = app, cut, trusted, timer
        self._reading: dict[object, tuple[str, float]] = {}
        self._seats: SimpleQueue[None] = SimpleQueue()
        for _ in range(seats):
            self._seats.put(None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the application, once the whole request is here."""
        if not self._read(environ):
            about = [("Content-Length", "0"), ("Connection", "close"), ("Server", SERVER)]
            start_response("400 Bad Request", about)
            return [b""]
        self._seats.get()
        _here.seats = self._seats
        try:
            return self._app(environ, start_response)
        finally:
            _here.seats = None
            self._seats.put(None)

    def _read(self, environ: WSGIEnvironment) -> bool:
        """Put the body in place; no where it broke off. One that is too long is left unread."""
        length = environ.get("CONTENT_LENGTH", "")
        is_open = "HTTP_TRANSFER_ENCODING" in environ
        if not is_open and not 0 < _number(length) <= MAX_BODY:
            return True
        size = MAX_BODY + 1 if is_open else int(length)
        body = self._await(environ["wsgi.input"], size, environ.get("REMOTE_ADDR", ""))
        environ["wsgi.input"] = io.BytesIO(body)
        return is_open or len(body) == size

    def _await(self, stream: _Stream, size: int, address: str) -> bytes:
        reader = object()
        self._reading[reader] = (address, self._timer())
        try:
            return stream.read(size)
        except OSError:
            return b""
        finally:
            del self._reading[reader]

    # --- senders who take too long --------------------------------------------------------------

    def watch(self) -> None:
        """Look after slow senders from a thread of its own, as long as the process lives."""
        threading.Thread(target=self._keep_looking, name="bodies", daemon=True).start()

    def _keep_looking(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY)
            if self._reading:
                self.look()

    def look(self) -> None:
        """Part with whoever takes too long; sooner where most of the room is taken."""
        reading, now = list(self._reading.values()), self._timer()
        patience = HURRY if len(reading) > ROOM // 2 else PATIENCE
        late: dict[str, float] = {}
        for address, since in reading:
            if now - since > patience and not self._is_trusted(address):
                late[address] = patience
        for address, seconds in late.items():
            closed = self._cut(address, seconds)
            _log.warning("request.slow_body", waiting=len(reading), closed=closed)

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return True
        return any(found in network for network in self._trusted)


def _number(text: str) -> int:
    return int(text[:20]) if text.isascii() and text.isdecimal() else 0


# --- connections of this process ------------------------------------------------------------------


def cutter(port: int) -> Cut:
    """Close connections to ``port``. The server does not tell which one a request came over."""

    def cut(address: str, seconds: float) -> int:
        closed = 0
        for connection in _connections():
            with contextlib.suppress(OSError, ValueError), connection:
                if _is_quiet(connection, port, address, seconds):
                    connection.shutdown(socket.SHUT_RDWR)
                    closed += 1
        return closed

    return cut


def _connections() -> Iterator[socket.socket]:
    """A handle of our own of every network socket."""
    with contextlib.suppress(OSError):
        for path in tuple(Path("/dev/fd").iterdir()):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(int(path.name)).st_mode):
                    yield socket.socket(fileno=os.dup(int(path.name)))


def _is_quiet(connection: socket.socket, port: int, address: str, seconds: float) -> bool:
    """Whether it is theirs, and nothing went back for that long.

    A request whose body is awaited is not answered yet; one between two requests may be closed.
    So may be one that still waits for its turn: it is of the same address, and may be sent again.
    """
    if connection.family not in {socket.AF_INET, socket.AF_INET6} or not hasattr(
        socket, "TCP_INFO"
    ):
        return False
    here, there = connection.getsockname(), connection.getpeername()
    if here[1] != port or _plain(there[0]) != _plain(address):
        return False
    about = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    (quiet,) = struct.unpack_from("I", about, _LAST_SENT)
    return bool(quiet >= seconds * 1000)


def _plain(text: str) -> Any:  # noqa: ANN401  an address of either family
    found = ip_address(text.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


__all__: Final = ["HURRY", "PATIENCE", "ROOM", "Bodies", "aside", "cutter"]
