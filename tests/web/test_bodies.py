"""Slow and broken bodies: no seat for who has not sent everything, and an end to waiting."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from idp.web.bodies import HURRY, PATIENCE, ROOM, Bodies, aside, cutter
from idp.web.security import MAX_BODY

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Slow:
    """A body that comes when the test says so."""

    def __init__(self) -> None:
        self.asked, self.sent, self.rest = threading.Event(), threading.Event(), b"a=1"

    def read(self, _size: int, /) -> bytes:
        self.asked.set()
        assert self.sent.wait(10)
        return self.rest


def seen(app: Bodies, body: Any, **environ: str) -> list[str]:
    status: list[str] = []

    def start(line: str, _headers: list[tuple[str, str]], _info: Any = None) -> Any:
        status.append(line)

    list(app({"wsgi.input": body, "REMOTE_ADDR": "192.0.2.7", **environ}, start))
    return status


def built(
    cut: Callable[[str, float], int] = lambda _address, _seconds: 0, **more: Any
) -> tuple[Bodies, list[bytes]]:
    bodies: list[bytes] = []

    def work(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        bodies.append(environ["wsgi.input"].read())
        start("200 OK", [])
        return [b""]

    return Bodies(work, seats=1, cut=cut, **more), bodies


def test_a_body_arrives_whole() -> None:
    app, bodies = built()

    assert seen(app, io.BytesIO(b"a=1"), CONTENT_LENGTH="3") == ["200 OK"]
    assert bodies == [b"a=1"]


def test_rfc9112_8_a_body_that_breaks_off_is_no_request() -> None:
    app, bodies = built()

    assert seen(app, io.BytesIO(b"code=12345"), CONTENT_LENGTH="11") == ["400 Bad Request"]
    assert bodies == []


def test_chunks_without_an_end_are_read_to_the_limit_and_no_further() -> None:
    app, bodies = built()

    seen(app, io.BytesIO(b"a" * 10 * MAX_BODY), HTTP_TRANSFER_ENCODING="chunked")

    assert [len(body) for body in bodies] == [MAX_BODY + 1]


@pytest.mark.parametrize("length", [str(MAX_BODY + 1), "9" * 30, "-1", "٥", "", "0", "0x5"])
def test_what_is_too_long_or_no_length_is_left_to_the_application(length: str) -> None:
    app, bodies = built()

    seen(app, io.BytesIO(b"a=1"), CONTENT_LENGTH=length)

    assert bodies == [b"a=1"]


class Parting:
    """Remembers whose connections were to be closed."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def __call__(self, address: str, seconds: float) -> int:
        self.told.append((address, seconds))
        return 1


@contextlib.contextmanager
def waiting(app: Bodies, count: int, address: str = "192.0.2.7") -> Iterator[None]:
    bodies = [Slow() for _ in range(count)]
    threads = [
        threading.Thread(
            target=seen, args=(app, body), kwargs={"CONTENT_LENGTH": "3", "REMOTE_ADDR": address}
        )
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    assert all(body.asked.wait(10) for body in bodies)
    try:
        yield
    finally:
        for body in bodies:
            body.sent.set()
        for thread in threads:
            thread.join(10)


def test_who_sends_slowly_takes_nobodys_seat() -> None:
    app, _ = built()

    with waiting(app, 5):
        assert seen(app, io.BytesIO(b""), REMOTE_ADDR="192.0.2.8") == ["200 OK"]


def test_who_waits_for_a_hash_takes_nobodys_seat_and_has_one_again_afterwards() -> None:
    hashing, is_done = threading.Event(), threading.Event()

    def work(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/login":
            with aside():
                hashing.set()
                assert is_done.wait(10)
        start("200 OK", [])
        return [b""]

    app = Bodies(work, seats=1, cut=Parting())
    login = threading.Thread(target=seen, args=(app, None), kwargs={"PATH_INFO": "/login"})
    login.start()
    assert hashing.wait(10)

    assert seen(app, None, PATH_INFO="/") == ["200 OK"]
    is_done.set()
    login.join(10)
    assert seen(app, None, PATH_INFO="/") == ["200 OK"]
    assert app._seats.qsize() == 1


@pytest.mark.parametrize(
    ("count", "seconds", "told"),
    [
        (1, PATIENCE - 1, []),
        (1, PATIENCE + 1, [("192.0.2.7", PATIENCE)]),
        (ROOM // 2 + 1, HURRY - 1, []),
        (ROOM // 2 + 1, HURRY + 1, [("192.0.2.7", HURRY)]),
    ],
)
def test_who_sends_too_slowly_loses_the_connection_sooner_where_many_do(
    count: int, seconds: float, told: list[tuple[str, float]]
) -> None:
    now, cut = [100.0], Parting()
    app, _ = built(cut, timer=lambda: now[0])

    with waiting(app, count):
        now[0] += seconds
        app.look()

    assert cut.told == told


def test_the_connections_of_our_own_front_are_left_alone() -> None:
    now, cut = [100.0], Parting()
    app, _ = built(
        cut,
        timer=lambda: now[0],
        trusted=(ip_network("192.0.2.0/24"),),
    )

    with waiting(app, 1):
        now[0] += 2 * PATIENCE
        app.look()

    assert cut.told == []


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, int]]:
    """A client's end, and the port that it is connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            client.settimeout(5)
            yield client, port


def test_a_quiet_connection_of_that_address_is_closed() -> None:
    with connected() as (client, port):
        assert cutter(port)("127.0.0.1", 0) == 1
        assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("address", "seconds", "off"),
    [("127.0.0.2", 0, 0), ("127.0.0.1", 3600, 0), ("127.0.0.1", 0, 1)],
    ids=["another address", "answered lately", "another port"],
)
def test_no_other_connection_is(address: str, seconds: float, off: int) -> None:
    with connected() as (_, port):
        assert cutter(port + off)(address, seconds) == 0
