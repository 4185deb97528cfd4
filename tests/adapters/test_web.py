"""Addresses that others give us: which are reached, and what may come back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from idp.adapters.web import WebAdapter
from idp.config import Tls
from idp.domain.errors import PortUnavailable

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0", "169.254.169.254",
    "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::",
    "::ffff:127.0.0.1", "::127.0.0.1", "::5", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1",
    "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
    "2002:a00:1::", "2001::1", "2001:db8::1",
]  # fmt: skip
SPELLINGS = [
    "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]",
    "127.0.0.1.", "0",
]  # fmt: skip
NO_ADDRESSES = [
    "", "https://", "https:///path", "ftp://example.vn/", "file:///etc/passwd", "//example.vn/",
    "https://user@example.vn/", "https://user:pass@example.vn/", "https://example.vn:99999/",
    "https://example.vn:x/", "https://[::1/", "https://ví-dụ.vn/", "javascript:alert(1)",
    "https://example.vn/" + "a" * 3000,
]  # fmt: skip
OPEN = Tls(allow_private=("127.0.0.0/8",))


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_network_is_not_called(address: str) -> None:
    web = WebAdapter(Tls(), resolver=lambda _host, _port: [address])

    with pytest.raises(PortUnavailable, match=r"reached|web"):
        web.get("https://example.vn/jwks", accept="*/*")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_this_machine_is_called(spelling: str) -> None:
    with pytest.raises(PortUnavailable):
        WebAdapter(Tls()).get(f"https://{spelling}/jwks", accept="*/*")


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_plain_web_address_is_not_resolved(url: str) -> None:
    asked: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with pytest.raises(PortUnavailable):
        WebAdapter(OPEN, resolver=resolver, seconds=0.5).get(url, accept="*/*")

    assert asked == []


def test_one_private_address_among_public_ones_closes_the_name() -> None:
    web = WebAdapter(Tls(), resolver=lambda _host, _port: ["93.184.216.34", "10.0.0.1"])

    with pytest.raises(PortUnavailable):
        web.get("https://example.vn/", accept="*/*")


def test_a_name_is_resolved_once_so_it_cannot_be_bound_again() -> None:
    with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as port:
        asked: list[str] = []

        def resolver(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        web = WebAdapter(OPEN, resolver=resolver)
        answer = web.get(f"http://portal.example.vn:{port}/", accept="*/*")

    assert (answer.status, answer.body, len(asked)) == (200, b"{}", 1)


def test_the_next_address_of_a_name_is_tried() -> None:
    with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as port:
        web = WebAdapter(OPEN, resolver=lambda _host, _port: ["127.9.9.9", "127.0.0.1"])

        assert web.get(f"http://portal.example.vn:{port}/", accept="*/*").status == 200


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with server(answering(head)) as port:
        assert local(port).get(f"http://127.0.0.1:{port}/", accept="*/*").status == 302


def test_a_compressed_answer_is_not_unpacked() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with server(answering(head)) as port:
        answer = local(port).get(f"http://127.0.0.1:{port}/", accept="*/*")

    assert answer.body == b"\x1f\x8b\x08\x00"


def test_an_endless_answer_is_cut_off() -> None:
    def pour(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b"x" * 65536)

    with server(pour) as port, pytest.raises(PortUnavailable):
        local(port).get(f"http://127.0.0.1:{port}/", accept="*/*")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["header", "body"])
def test_an_answer_that_drips_ends_at_the_deadline(head: bytes) -> None:
    def drip(peer: socket.socket) -> None:
        peer.sendall(head)
        while True:
            peer.sendall(b"H")
            time.sleep(0.05)

    with server(drip) as port:
        began = time.monotonic()
        with pytest.raises(PortUnavailable):
            local(port, seconds=0.5).get(f"http://127.0.0.1:{port}/", accept="*/*")

    assert time.monotonic() - began < 10


def test_a_server_without_tls_does_not_pass_for_one() -> None:
    with server(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as port, pytest.raises(PortUnavailable):
        local(port).get(f"https://127.0.0.1:{port}/", accept="*/*")


def local(_port: int, *, seconds: float = 5.0) -> WebAdapter:
    return WebAdapter(OPEN, seconds=seconds)


def answering(data: bytes) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(data)


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of raw bytes on this machine."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                try:
                    peer.recv(65536)
                    serve(peer)
                except OSError:
                    continue

    threading.Thread(target=run, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
