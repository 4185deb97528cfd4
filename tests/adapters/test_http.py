"""What a failed call tells of the question: whether it can have begun anything there."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from idp.adapters.http import Caller
from idp.config import System, Tls
from idp.domain.errors import PortUnavailable, PortUnreached
from tests.support.ports import free_port


class _Partner(http.server.BaseHTTPRequestHandler):
    """Answers with the status in the path; 0 hangs up without an answer."""

    def do_POST(self) -> None:
        status = int(self.path.strip("/"))
        if status:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def partner() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Partner)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fails(url: str, path: str = "/0") -> PortUnavailable:
    with pytest.raises(PortUnavailable) as caught:
        Caller("partner", System(url, "key", timeout=2.0, retries=0), Tls()).post(path, {}, dict)
    return caught.value


@pytest.mark.parametrize("status", [429, 503])
def test_who_turns_a_question_away_has_begun_nothing(partner: str, status: int) -> None:
    assert isinstance(fails(partner, f"/{status}"), PortUnreached)


def test_who_cannot_be_connected_has_begun_nothing() -> None:
    assert isinstance(fails(f"http://127.0.0.1:{free_port()}"), PortUnreached)


@pytest.mark.parametrize("status", [0, 400, 500, 502, 504])
def test_who_fails_after_it_was_asked_may_have_begun(partner: str, status: int) -> None:
    assert not isinstance(fails(partner, f"/{status}"), PortUnreached)


def test_who_is_spared_by_the_breaker_has_begun_nothing(partner: str) -> None:
    caller = Caller("partner", System(partner, "key", timeout=2.0, retries=0), Tls())
    told = []
    for _ in range(6):
        with pytest.raises(PortUnavailable) as caught:
            caller.post("/500", {}, dict)
        told.append(isinstance(caught.value, PortUnreached))

    assert told == [False] * 5 + [True]
