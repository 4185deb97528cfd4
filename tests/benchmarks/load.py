"""A load over several kept connections: every one has its next request on its way at all times.

A server that waits for its only caller is woken for each request and runs cold; what a nation uses
is busy. So operations are generators that yield requests and are sent their answers, and one thread
keeps as many of them going as there are connections, which costs less than any server under it.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

Talk = Generator[bytes, "Answer", Any]
"""An operation: requests out, answers in."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


def request(method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> bytes:
    """An HTTP/1.1 request as it goes over the wire; headers without a value are left out.

    Its host is filled in by the connection.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: HOST"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    body = urlencode(form).encode() if form is not None else b""
    if form is not None:
        lines.append("Content-Type: application/x-www-form-urlencoded")
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One kept connection to ``port`` of this machine; made anew when the server closed it."""

    def __init__(self, port: int) -> None:
        self._port, self._host, self._came = port, f"localhost:{port}".encode(), b""
        self.socket = self._open()

    def _open(self) -> socket.socket:
        made = socket.create_connection(("localhost", self._port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def send(self, data: bytes) -> None:
        self._came = b""
        self.socket.sendall(data.replace(b"HOST", self._host, 1))

    def receive(self) -> Answer | None:
        """The whole answer, or nothing where more is to come."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed a connection that was in use")
        self._came += data
        head, mark, body = self._came.partition(b"\r\n\r\n")
        if not mark:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            if not body.endswith(b"0\r\n\r\n"):
                return None
            body = _joined(body)
        elif len(body) < int(headers.get("content-length", 0)):
            return None
        return Answer(int(first.split(" ", 2)[1]), headers, body)

    def ask(self, data: bytes) -> Answer:
        """One request and its answer; once more where an idle connection had been closed."""
        for _ in range(2):
            try:
                self.send(data)
                while (answer := self.receive()) is None:
                    pass
            except ConnectionError:
                self.socket.close()
                self.socket = self._open()
            else:
                return answer
        raise ConnectionError(self._port)

    def run(self, talk: Talk) -> Any:
        """A whole operation, one after another."""
        try:
            data = next(talk)
            while True:
                data = talk.send(self.ask(data))
        except StopIteration as end:
            return end.value


def drive(connections: list[Connection], begin: Callable[[int], Talk], times: int) -> list[float]:
    """Do the operation ``times`` times, one at a time on each connection; seconds of each.

    ``begin`` makes one for the connection of that number.
    """
    selector, seconds, started = selectors.DefaultSelector(), [], 0
    going: dict[int, tuple[Talk, float]] = {}

    def start(number: int) -> None:
        nonlocal started
        started += 1
        talk = begin(number)
        going[number] = talk, time.perf_counter()
        connections[number].send(next(talk))

    for number, connection in enumerate(connections[:times]):
        selector.register(connection.socket, selectors.EVENT_READ, number)
        start(number)
    while going:
        for key, _ in selector.select():
            number = key.data
            answer = connections[number].receive()
            if answer is None:
                continue
            talk, began = going[number]
            try:
                connections[number].send(talk.send(answer))
            except StopIteration:
                seconds.append(time.perf_counter() - began)
                del going[number]
                if started < times:
                    start(number)
    selector.close()
    return seconds


def _joined(chunks: bytes) -> bytes:
    parts = []
    while True:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(parts)
        parts.append(rest[:length])
        chunks = rest[length + 2 :]
