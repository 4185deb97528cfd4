"""Who announces a body and sends none holds nobody up (CWE-400, CWE-770)."""

from __future__ import annotations

import contextlib
import socket
import time

import httpx2 as httpx
import pytest

from idp.web.bodies import HURRY
from tests.faults.installation import Installation

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]
_BEGUN = (
    b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
)


def test_hundreds_who_send_no_body_hold_nobody_up_and_lose_their_connections(
    on_sqlite: Installation,
) -> None:
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", on_sqlite.base)))
            for _ in range(200)
        ]
        for each in slow:
            each.sendall(_BEGUN)
        begun = time.monotonic()

        # From another address: who shares the attacker's may lose a connection as well.
        honest = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=honest, timeout=20) as visitor:
            answer = visitor.get(f"http://127.0.0.1:{on_sqlite.base}/register")

        assert answer.status_code == 200
        assert time.monotonic() - begun < 2 * HURRY + 3
        for each in slow:
            each.settimeout(20)
            with contextlib.suppress(ConnectionError):
                assert each.recv(4096) == b""
    assert "request.slow_body" in on_sqlite.log
