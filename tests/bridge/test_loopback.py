"""HTTP on 127.0.0.1: who may ask, what is signed, what is answered when something is wrong."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from idp.bridge import loopback
from idp.bridge.contract import VERSION, Choice, Found, ToolError
from idp.bridge.protocol import Tool
from idp.domain import web_eid
from tests.bridge.kit import NONCE, ORIGIN, Person, found
from tests.support.pki import key_of, sign


@dataclass
class Running:
    port: int
    person: Person
    tool: Tool

    def ask(self, body: Any = None, /, **headers: str) -> tuple[int, dict[str, Any]]:
        answer = self.send("POST", "/authenticate", body, **headers)
        return answer.status, json.loads(answer.read() or b"{}")

    def send(
        self, method: str, path: str, body: Any = None, /, **headers: str
    ) -> http.client.HTTPResponse:
        sent = {"Origin": ORIGIN, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(
            {"challengeNonce": NONCE} if body is None else body
        )  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        kept = {name: value for name, value in sent.items() if value}
        connection.request(method, path, data if method == "POST" else None, kept)
        return connection.getresponse()


@pytest.fixture
def running() -> Iterator[Running]:
    person = Person()

    def signs(chosen: Found, pin: str, message: bytes) -> tuple[str, bytes]:
        assert chosen.id == "01"
        if pin != "1234":
            raise ToolError("pin_incorrect", pin_state="count_low")
        return "ES256", sign(key_of("p256"), "ES256", message)

    tool = Tool((ORIGIN,), ["m"], person, lambda _: [found()], signs)
    server = loopback.make_server(tool, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Running(server.server_address[1], person, tool)
    server.shutdown()
    server.server_close()


def test_the_answer_is_a_web_eid_token_for_the_origin_of_the_browser(running: Running) -> None:
    status, answer = running.ask()

    assert status == 200
    web_eid.verify(web_eid.read(json.dumps(answer)), origin=ORIGIN, nonce=NONCE)
    assert running.person.origins == [ORIGIN]


def test_an_origin_in_the_body_is_not_believed(running: Running) -> None:
    _, answer = running.ask({"challengeNonce": NONCE, "origin": "https://evil.example"})

    web_eid.verify(web_eid.read(json.dumps(answer)), origin=ORIGIN, nonce=NONCE)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", ORIGIN + "/", ORIGIN + ":8443", "http://x"]
)
def test_other_origins_get_nothing(running: Running, origin: str) -> None:
    assert running.ask(None, Origin=origin) == (403, {"code": "origin_not_allowed"})
    assert running.person.origins == []


@pytest.mark.parametrize("host", ["evil.example", "id.example.vn:80", "127.0.0.1", "[::1]"])
def test_another_host_is_a_rebinding(running: Running, host: str) -> None:
    assert running.ask(None, Host=host) == (421, {"code": "bad_host"})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_simple_request_is_refused(running: Running, kind: str) -> None:
    assert running.ask(None, Content_Type=kind)[0] == 415
    assert running.person.origins == []


@pytest.mark.parametrize("length", [0, 1, 43, 129, 5000])
def test_the_nonce_has_a_length(running: Running, length: int) -> None:
    assert running.ask({"challengeNonce": "n" * length})[0] == 400


@pytest.mark.parametrize("length", [44, 128])
def test_the_nonce_may_be_as_long_as_web_eid_says(running: Running, length: int) -> None:
    assert running.ask({"challengeNonce": "n" * length})[0] == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"null", b"{", {"challengeNonce": 5}, {}, {"challengeNonce": "é" * 50}],
)
def test_hostile_bodies_are_refused(running: Running, body: Any) -> None:
    status, answer = running.ask(body)

    assert (status, answer["code"]) == (400, "invalid_argument")


def test_a_large_body_is_refused(running: Running) -> None:
    assert running.ask({"challengeNonce": NONCE, "x": "y" * 9000})[0] == 413


def test_reading_has_no_effect(running: Running) -> None:
    answer = running.send("GET", "/authenticate")

    assert answer.status == 200
    assert json.loads(answer.read()) == {"agent": VERSION}
    assert running.person.origins == []


def test_preflight_names_exactly_one_origin(running: Running) -> None:
    answer = running.send(
        "OPTIONS", "/authenticate", Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )  # fmt: skip

    assert answer.status == 204
    assert answer.getheader("Access-Control-Allow-Origin") == ORIGIN
    assert answer.getheader("Vary") == "Origin"
    assert "content-type" in (answer.getheader("Access-Control-Allow-Headers") or "")
    refused = running.send("OPTIONS", "/authenticate", Origin="https://evil.example")
    assert refused.getheader("Access-Control-Allow-Origin") is None


def test_one_question_at_a_time(running: Running) -> None:
    running.person.hold = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(running.ask)
        while not running.person.origins:
            pass
        assert running.ask() == (409, {"code": "busy"})
        running.person.hold.set()
        assert first.result()[0] == 200


@pytest.mark.parametrize(
    ("choice", "code"),
    [(None, "user_cancelled"), (Choice(0, "0000"), "pin_incorrect"),
     (Choice(7, "1234"), "invalid_argument"), (Choice(-1, "1234"), "invalid_argument")],
)  # fmt: skip
def test_what_the_person_does_is_told_to_the_page(
    running: Running, choice: Choice | None, code: str
) -> None:
    running.person.choice = choice

    assert running.ask()[1]["code"] == code


def test_a_locked_token_is_not_tried(running: Running) -> None:
    running.tool.list_certificates = lambda _: [found(pin_state="locked")]

    assert running.ask()[1] == {"code": "pin_locked"}
