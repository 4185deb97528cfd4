"""The signing tool: who may ask, what it signs, what it answers when something is wrong."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from idp import bridge
from idp.bridge import Choice, Found, Tool, ToolError
from idp.domain import web_eid
from idp.sandbox import tokens
from idp.sandbox.ca import Authorities
from idp.sandbox.devices import Devices
from idp.sandbox.people import People
from tests.support.pki import key_of, pki, sign
from tests.support.postgres import require

ORIGIN = "https://id.example.vn"
NONCE = "n" * 44
BRIDGE = Path(bridge.__file__)


def found(**changes: Any) -> Found:
    leaf = pki().newtel.leaf(key=key_of("p256"))
    der = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
    shown = {"subject": "A", "issuer": "B", "valid_from": "", "valid_to": "", "pin_state": "ok"}
    return Found(
        **{"module": "m", "token": "t", "id": "01", "certificate": der, **shown, **changes}
    )


@dataclass
class Person:
    """Somebody at the dialogue."""

    choice: Choice | None = field(default_factory=lambda: Choice(0, "1234"))
    origins: list[str] = field(default_factory=list)
    hold: threading.Event | None = None

    def ask(self, origin: str, certificates: list[Found]) -> Choice | None:
        assert certificates
        self.origins.append(origin)
        if self.hold:
            self.hold.wait(10)
        return self.choice


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
    server = bridge.make_server(tool, 0)
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
    assert json.loads(answer.read()) == {"agent": bridge.VERSION}
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


def test_a_hanging_driver_does_not_hang_the_tool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(bridge, "__file__", str(hanging))
    monkeypatch.setattr(bridge, "LIST_SECONDS", 0.3)

    with pytest.raises(ToolError, match="busy"):
        bridge.list_certificates(["m"])


def test_a_crashing_driver_is_an_error_of_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crashing = tmp_path / "crashing.py"
    crashing.write_text("import os; os.abort()")
    monkeypatch.setattr(bridge, "__file__", str(crashing))

    with pytest.raises(ToolError, match="token_error"):
        bridge.list_certificates(["m"])


def test_no_driver_is_told() -> None:
    with pytest.raises(ToolError, match="driver_missing"):
        bridge.list_certificates(["/nowhere/lib.so"])


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"command": "authenticate", "arguments": {"origin": ORIGIN, "challengeNonce": "x"}},
         "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
        ({"command": "authenticate", "arguments": {"origin": "https://evil.example",
         "challengeNonce": NONCE}}, "ERR_WEBEID_NATIVE_FATAL"),
        ({"command": "sign", "arguments": {}}, "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
        ({"command": "authenticate"}, "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
        ([], "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"),
    ],
)  # fmt: skip
def test_native_messaging_says_its_version_then_answers_once(order: Any, wanted: str) -> None:
    data = json.dumps(order).encode()
    done = subprocess.run(
        [sys.executable, str(BRIDGE), "--native", "--origin", ORIGIN, "--module", "/nowhere.so"],
        input=struct.pack("=I", len(data)) + data,
        capture_output=True,
        check=False,
        timeout=30,
    )

    messages, rest = [], done.stdout
    while rest:
        size = struct.unpack("=I", rest[:4])[0]
        messages.append(json.loads(rest[4 : 4 + size]))
        rest = rest[4 + size :]
    assert messages[0] == {"version": bridge.VERSION}
    assert messages[1]["error"]["code"] == wanted


# --- a real token -------------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tokens.Reader:
    require("softhsm", found=bool(shutil.which("softhsm2-util")), how="apt-get install softhsm2")
    made = tokens.Reader(tmp_path, Devices(Authorities()))
    monkeypatch.setitem(os.environ, "SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    return made


def driver() -> list[str]:
    return [tokens.driver() or ""]


@pytest.mark.parametrize(("key", "algorithm"), [("rsa", "RS256"), ("ec", "ES256")])
def test_a_token_signs_and_keeps_its_key(reader: tokens.Reader, key: str, algorithm: str) -> None:
    person = People().add({"usb": {"pin": "4711", "certificates": [{"key": key}]}})
    reader.insert(person)
    [listed] = bridge.list_certificates(driver())

    used, signature = bridge.sign(listed, "4711", bridge.message_for(ORIGIN, NONCE, 256))

    assert used == algorithm
    fields = {
        "unverifiedCertificate": listed.certificate,
        "algorithm": used,
        "signature": base64.b64encode(signature).decode(),
        "format": "web-eid:1.0",
    }
    web_eid.verify(web_eid.read(json.dumps(fields)), origin=ORIGIN, nonce=NONCE)


@pytest.mark.parametrize("pin", ["0000", "", "x" * 300])
def test_a_wrong_pin_is_one_try(reader: tokens.Reader, pin: str) -> None:
    reader.insert(People().add({"usb": {"pin": "4711"}}))
    [listed] = bridge.list_certificates(driver())

    with pytest.raises(ToolError) as caught:
        bridge.sign(listed, pin, b"message")

    assert caught.value.code == "pin_incorrect"
    assert caught.value.more["pin_state"] in {"count_low", "final_try", "ok"}


def test_two_certificates_are_both_shown(reader: tokens.Reader) -> None:
    reader.insert(People().add({"usb": {"certificates": [{"key": "ec"}, {"key": "ec"}]}}))

    assert len(bridge.list_certificates(driver())) == 2


def test_a_token_that_was_pulled_out(reader: tokens.Reader) -> None:
    reader.insert(People().add({"usb": True}))
    [listed] = bridge.list_certificates(driver())
    reader.remove()

    with pytest.raises(ToolError, match="no_token"):
        bridge.list_certificates(driver())
    with pytest.raises(ToolError, match="no_token"):
        bridge.sign(listed, "1234", b"message")


def test_four_threads_sign_at_once_without_a_crash(reader: tokens.Reader) -> None:
    """A session per thread in one process crashes the driver; a process per signature does not."""
    reader.insert(People().add({"usb": {"pin": "4711", "certificates": [{"key": "ec"}]}}))
    [listed] = bridge.list_certificates(driver())

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: bridge.sign(listed, "4711", b"message"), range(8)))

    assert [algorithm for algorithm, _ in done] == ["ES256"] * 8
