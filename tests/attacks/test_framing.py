"""What is no request of HTTP is refused before it is read (RFC 9112, 3.2, 6.1; RFC 9110, 8.4).

The same table goes over a real connection to the program that serves us: what it makes of raw bytes
is not ours to say, so what reaches the application, and what comes back, is looked at.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse, create_environ

from tests.support.house import House
from tests.support.ports import free_base

HOSTS = {
    "none": "",
    "two": "localhost:8000,evil.example",
    "two with a space": "localhost, evil.example",
    "a path": "evil.example/x",
    "a query": "evil.example?x",
    "a fragment": "evil.example#x",
    "a user": "localhost@evil.example",
    "a scheme": "https://evil.example",
    "a space": "evil example",
    "a quote": 'evil"example',
    "markup": "<script>",
    "a backslash": "localhost\\evil",
    "a percent sign": "%6cocalhost",
    "a star": "*",
    "an empty label": "a..b",
    "a dot before": ".evil.example",
    "only a dot": ".",
    "a label of 64": "a" * 64,
    "a long name": "a." * 200,
    "a port that is text": "localhost:evil",
    "a negative port": "localhost:-1",
    "a long port": "localhost:123456",
    "two ports": "localhost:1:2",
    "an open bracket": "[::1",
    "a zone": "[fe80::1%25eth0]",
    "a future address": "[v1.x]",
    "bytes": "\xff\xfe",
    "another alphabet": "lоcalhost",
    "a tab": "localhost\tx",
}
GOOD = [
    "localhost",
    "id.example.vn",
    "ID.Example.VN:443",
    "127.0.0.1:8000",
    "[::1]:8000",
    "a_b.vn.",
]
TARGETS = ["", "*", "evil.example:80", "\\token", "token"]
CODINGS = ["gzip, chunked", "chunked, identity", "xchunked", "identity", "gzip", "\x0bchunked", ""]
CONTENTS = ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x", "identity, gzip"]


def sends(house: House, path: str = "/token", **environ: Any) -> TestResponse:
    base = create_environ(path, method="POST")
    base["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    base.update(environ)
    return Client(house.app, TestResponse).open(environ_overrides=base, path=path, method="POST")


@pytest.mark.parametrize("how", HOSTS)
@pytest.mark.parametrize("path", ["/token", "/login", "/authorize", "/jwks"])
def test_rfc9112_3_2_a_host_that_is_none_is_no_request(target: House, path: str, how: str) -> None:
    answer = sends(target, path, HTTP_HOST=HOSTS[how])

    assert (answer.status_code, answer.data) == (400, b"")
    assert answer.headers["Server"] == "idp"


@pytest.mark.parametrize("host", GOOD)
def test_rfc9112_3_2_a_host_is_one_name_or_address_with_a_port(target: House, host: str) -> None:
    assert sends(target, HTTP_HOST=host).status_code == 401


def test_rfc9112_3_2_only_http_1_0_may_name_no_host(target: House) -> None:
    assert sends(target, HTTP_HOST="", SERVER_PROTOCOL="HTTP/1.0").status_code == 401


@pytest.mark.parametrize("path", TARGETS)
def test_rfc9112_3_2_a_target_without_a_path_is_answered_with_nothing(
    target: House, path: str
) -> None:
    answer = sends(target, PATH_INFO=path, HTTP_HOST="evil.example")

    assert (answer.status_code, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize("coding", CODINGS)
def test_rfc9112_6_1_a_transfer_coding_that_nobody_undoes_is_refused(
    target: House, coding: str
) -> None:
    assert sends(target, HTTP_TRANSFER_ENCODING=coding).status_code == 400


@pytest.mark.parametrize("coding", CONTENTS)
def test_rfc9110_8_4_what_is_compressed_is_not_taken_for_what_it_holds(
    target: House, coding: str
) -> None:
    assert sends(target, HTTP_CONTENT_ENCODING=coding).status_code == 415


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "", "text/plain", "x/jsonx"])
def test_rfc9112_8_half_a_form_in_chunks_is_not_taken_for_a_form(target: House, kind: str) -> None:
    answer = sends(target, HTTP_TRANSFER_ENCODING="chunked", CONTENT_TYPE=kind)

    assert answer.status_code == 411


def test_rfc9112_6_3_json_may_come_in_chunks_since_half_of_it_is_none(target: House) -> None:
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": "application/json"}
    half = {**chunks, "wsgi.input": io.BytesIO(b'{"redirect_uris":["https://rp.exa')}

    answer = sends(target, "/connect/register", **half)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")


# --- over a real connection ---------------------------------------------------------------------

APP = """
import json
from idp.web.bodies import Bodies
from idp.web.framing import Framing

def tell(environ, start):
    body = environ["wsgi.input"].read()
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "HTTP_AUTHORIZATION")
    found = {name: environ.get(name, "") for name in names}
    text = json.dumps({**found, "body": body.decode("latin-1")}).encode()
    start("200 OK", [("Content-Length", str(len(text))), ("Server", "idp")])
    return [text]

app = Bodies(Framing(tell), seats=2, cut=lambda address, seconds: 0)
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The server that ``idp serve`` starts, around an application that tells what reached it."""
    folder, found = tmp_path_factory.mktemp("framing"), free_base()
    (folder / "told.py").write_text(textwrap.dedent(APP))
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1"]
    process = subprocess.Popen(
        [*command, "--port", str(found), "--blocking-threads", "4", "told:app"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{root}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(found)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not start")


def raw(port: int, message: bytes, *, leaves: bool = False) -> bytes:
    """Everything that comes back for these bytes, until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        found = b""
        try:
            connection.sendall(message)
            if leaves:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                found += part
        except OSError:
            pass
        return found


HEAD = b"POST /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
GET = b"GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n"
FORM = b"grant_type=x"
CUT_SHORT = {
    "two lengths": HEAD + b"Content-Length: 12\r\nContent-Length: 5\r\n\r\n" + FORM,
    "a list of lengths": HEAD + b"Content-Length: 12, 12\r\n\r\n" + FORM,
    "a negative length": HEAD + b"Content-Length: -12\r\n\r\n" + FORM,
    "a signed length": HEAD + b"Content-Length: +12\r\n\r\n" + FORM,
    "a length in hex": HEAD + b"Content-Length: 0xc\r\n\r\n" + FORM,
    "a length with a space": HEAD + b"Content-Length: 1 2\r\n\r\n" + FORM,
    "an endless length": HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + FORM,
    "an empty length": HEAD + b"Content-Length: \r\n\r\n" + FORM,
    "a space before the colon": HEAD + b"Content-Length : 12\r\n\r\n" + FORM,
    "a folded length": HEAD + b"Content-Length:\r\n 12\r\n\r\n" + FORM,
    "a folded header": HEAD + b"X-A: b\r\n c\r\nContent-Length: 12\r\n\r\n" + FORM,
    "a zero byte in a header": HEAD + b"X-A: a\0b\r\n\r\n",
    "a zero byte in a name": HEAD + b"X\0A: b\r\n\r\n",
    "a name of other letters": HEAD + "X-é: b\r\n\r\n".encode(),
    "a line without a colon": HEAD + b"nonsense\r\n\r\n",
    "a coding in disguise": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding behind a control": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "two codings": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunks last but one": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "compressed chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a length that is not reached": HEAD + b"Content-Length: 50\r\n\r\n" + FORM,
    "no host": b"POST /token HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts": HEAD + b"Host: evil.example\r\nContent-Length: 0\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a host of bytes": b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    "a host of 64 letters": b"GET / HTTP/1.1\r\nHost: " + b"a" * 64 + b"\r\n\r\n",
    "an authority as target": b"GET evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "a star as target": b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no version": b"GET /secret\r\n\r\n",
    "another version": b"GET /secret HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "a version in small letters": b"GET /secret http/1.1\r\nHost: localhost\r\n\r\n",
    "tabs": b"GET\t/secret\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the target": b"GET /se cret HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a line break in the method": b"GE\rT /secret HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    "a hello of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "garbage": b"\0\1\2\3\r\n\r\n",
    "a thousand headers": HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(1000)) + b"\r\n",
    "a very long target": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("how", CUT_SHORT)
def test_no_bytes_of_unclear_meaning_reach_the_application(port: int, how: str) -> None:
    answer = raw(port, CUT_SHORT[how], leaves=True)

    assert not answer.startswith(b"HTTP/1.1 2")
    assert b"grant_type" not in answer
    assert not answer.startswith(b"HTTP/1.1 5")


CHUNKS = {
    "a wrong size": b"5\r\n" + FORM + b"\r\n0\r\n\r\n",
    "a negative size": b"-c\r\n" + FORM + b"\r\n0\r\n\r\n",
    "a size with a prefix": b"0xc\r\n" + FORM + b"\r\n0\r\n\r\n",
    "a size past all numbers": b"F" * 18 + b"\r\n" + FORM + b"\r\n0\r\n\r\n",
    "a break in the middle": b"c\r\ngrant",
    "a good one and a broken one": b"c\r\n" + FORM + b"\r\nZZ\r\n",
    "no end": b"c\r\n" + FORM + b"\r\n",
    "a long extension": b"c;" + b"x" * 20_000 + b"\r\n" + FORM + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("how", CHUNKS)
def test_rfc9112_8_of_broken_chunks_nothing_is_read_and_nothing_behind_them(
    port: int, how: str
) -> None:
    message = HEAD.replace(b"Connection: close\r\n", b"") + b"Transfer-Encoding: chunked\r\n\r\n"

    answer = raw(port, message + CHUNKS[how] + GET, leaves=True)

    assert b"grant" not in answer
    assert b"/secret" not in answer


def test_rfc9112_6_3_a_length_beside_chunks_hides_no_second_request(port: int) -> None:
    hidden = HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET

    answer = raw(port, hidden, leaves=True)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"/secret" not in answer


ODD = {
    "two ways to authenticate": (b"Authorization: a\r\nAuthorization: b\r\n", "a,b"),
    "the same twice": (b"Authorization: a\r\nAuthorization: a\r\n", "a,a"),
    "a name with an underscore": (b"Authorization_: a\r\n", ""),
    "small letters": (b"aUTHORIZATION: a\r\n", "a"),
}


@pytest.mark.parametrize("how", ODD)
def test_no_header_of_two_hides_the_other(port: int, how: str) -> None:
    """Two become one that means nothing, so that no half of us reads the first and one the last."""
    sent, seen = ODD[how]

    answer = raw(port, HEAD + sent + b"Content-Length: 0\r\n\r\n")

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["HTTP_AUTHORIZATION"] == seen


def test_nothing_tells_which_program_serves_us(port: int) -> None:
    for message in (HEAD + b"Content-Length: 0\r\n\r\n", CUT_SHORT["two hosts"]):
        assert b"granian" not in raw(port, message).lower()
