"""Streams of security events in the wrong hands (SSF 1.0, 8, 9; RFC 8935, 8936; CWE-639, 918).

A receiver that we registered turns against us or against another one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, answer_of
from tests.support.portal_kit import Visitor, later
from tests.support.receivers import CAEP, PUSH, Receiver, add_receiver

Body = dict[str, Any]
NAME = "{stream}"


@pytest.fixture(scope="module")
def honest(target: House) -> Receiver:
    return add_receiver(target, "honest-receiver")


@pytest.fixture(scope="module")
def evil(target: House) -> Receiver:
    return add_receiver(target, "evil-receiver")


@pytest.fixture(scope="module")
def stream(honest: Receiver) -> str:
    return str(honest.creates(f"{CAEP}session-revoked")["stream_id"])


@pytest.fixture(scope="module")
def persons(honest: Receiver, victim: Visitor) -> Receiver:
    """The same client with a token of a person, which manages nothing."""
    victim.agrees(honest.client_id)
    assert honest.portal
    code = answer_of(victim.client.get(honest.portal.request(scope="openid")))["code"]
    return replace(honest, token=honest.portal.redeems(code).get_json()["access_token"])


CALLS: dict[str, tuple[str, str, Body | None]] = {
    "read": ("GET", f"/ssf/streams?stream_id={NAME}", None),
    "change": ("PATCH", "/ssf/streams", {"stream_id": NAME, "description": "x"}),
    "replace": ("PUT", "/ssf/streams", {"stream_id": NAME}),
    "delete": ("DELETE", f"/ssf/streams?stream_id={NAME}", None),
    "read the status": ("GET", f"/ssf/status?stream_id={NAME}", None),
    "disable": ("POST", "/ssf/status", {"stream_id": NAME, "status": "disabled"}),
    "verify": ("POST", "/ssf/verify", {"stream_id": NAME}),
    "add a person": (
        "POST", "/ssf/subjects/add", {"stream_id": NAME, "subject": {"format": "opaque"}}
    ),
    "remove a person": (
        "POST", "/ssf/subjects/remove", {"stream_id": NAME, "subject": {"format": "opaque"}}
    ),
    "poll": ("POST", f"/ssf/poll/{NAME}", {"returnImmediately": True}),
    "acknowledge": ("POST", f"/ssf/poll/{NAME}", {"ack": ["x"], "returnImmediately": True}),
}  # fmt: skip


def calls(receiver: Receiver, how: str, stream: str, suffix: str = "") -> TestResponse:
    method, path, body = CALLS[how]
    named = body and json.loads(json.dumps(body).replace(NAME, stream))
    return receiver.call(method, path.replace(NAME, stream) + suffix, named)


@pytest.mark.parametrize("how", CALLS)
def test_ssf_8_1_a_stream_of_somebody_else_is_not_there(
    honest: Receiver, evil: Receiver, stream: str, how: str
) -> None:
    for name in (stream, stream.upper(), f"{stream[:8]}-{stream[8:]}", f"{{{stream}}}"):
        assert calls(evil, how, name).status_code == 404

    assert calls(honest, "read the status", stream).get_json()["status"] == "enabled"


@pytest.mark.parametrize("how", CALLS)
def test_ssf_9_nobody_but_a_receiver_with_a_token_of_its_own_is_served(
    honest: Receiver, persons: Receiver, stream: str, how: str
) -> None:
    nobody, forger = replace(honest, token=""), replace(honest, token="a.b.c")
    in_address = f"{'&' if '?' in CALLS[how][1] else '?'}access_token={honest.token}"

    found = [
        calls(nobody, how, stream).status_code,
        calls(forger, how, stream).status_code,
        calls(persons, how, stream).status_code,
        calls(nobody, how, stream, in_address).status_code,
    ]

    assert found == [401, 401, 401, 401]


@pytest.mark.parametrize("how", ["change", "replace", "delete", "disable", "verify",
                                 "add a person", "remove a person"])  # fmt: skip
def test_ssf_9_who_may_read_changes_nothing(honest: Receiver, stream: str, how: str) -> None:
    assert honest.portal
    answer = honest.portal.token(grant_type="client_credentials", scope="ssf.read")
    reader = replace(honest, token=answer.get_json()["access_token"])

    assert calls(reader, how, stream).status_code == 403


ENDPOINTS = {
    "http": "http://rp.example.vn/",
    "no scheme": "//rp.example.vn/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:25/",
    "data": "data:,x",
    "a user": "https://user:word@rp.example.vn/",
    "a fragment": "https://rp.example.vn/#x",
    "a line break": "https://rp.example.vn/\r\nX: y",
    "a space": "https://rp.example.vn/a b",
    "a port that is none": "https://rp.example.vn:99999/",
    "an encoded slash": "https://rp.example.vn%2f@evil.example/",
    "a backslash": "https://rp.example.vn\\@evil.example/",
    "a zone": "https://[fe80::1%25eth0]/",
    "another alphabet": "https://rр.example.vn/",
    "a wildcard": "https://*.example.vn/",
    "our own": "http://localhost:8000/token",
    "our own in capitals": "HTTP://LOCALHOST:8000/token",
    "nothing": "",
    "very long": "https://rp.example.vn/" + "a" * 3000,
}
HEADERS = {
    "a line break": "Bearer x\r\nHost: evil.example",
    "a bare line break": "Bearer x\ny",
    "a zero byte": "Bearer \0",
    "another alphabet": "Bearer é",
    "an escape": "Bearer \x1b[2J",
    "very long": "a" * 5000,
    "a list": ["Bearer x"],
}


@pytest.mark.parametrize("how", ENDPOINTS)
def test_rfc8935_no_event_is_pushed_to_what_is_no_address_of_a_receiver(
    evil: Receiver, how: str
) -> None:
    delivery = {"method": PUSH, "endpoint_url": ENDPOINTS[how]}

    answer = evil.call("POST", "/ssf/streams", {"delivery": delivery})

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("how", HEADERS)
def test_ssf_6_1_1_no_header_of_a_receiver_makes_a_second_one(evil: Receiver, how: str) -> None:
    delivery = {
        "method": PUSH, "endpoint_url": "https://rp.example.vn/",
        "authorization_header": HEADERS[how],
    }  # fmt: skip

    answer = evil.call("POST", "/ssf/streams", {"delivery": delivery})

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


BODIES = {
    "a list": b"[]",
    "a text": b'"x"',
    "nothing that is JSON": b"stream_id=x",
    "half of it": b'{"stream_id":"x',
    "two": b"{}{}",
    "no number": b'{"stream_id":NaN}',
    "endless": b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "half a letter": b'{"stream_id":"\\ud800"}',
    "wrong bytes": b'{"stream_id":"\xff"}',
    "an overlong letter": b'{"stream_id":"\xc0\xaf"}',
    "UTF-16": '{"stream_id":"x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"stream_id":"x"}',
    "a name that is a number": b'{"stream_id":5,"status":5,"subject":5}',
    "a huge name": b'{"stream_id":"' + b"a" * 60_000 + b'"}',
    "a number past all": b'{"stream_id":' + b"9" * 5000 + b"}",
    "null": b"null",
}


@pytest.mark.parametrize("how", BODIES)
@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/ssf/streams"), ("PUT", "/ssf/streams"), ("POST", "/ssf/status"),
     ("POST", "/ssf/verify"), ("POST", "/ssf/subjects/add"), ("POST", "/ssf/subjects/remove")],
)  # fmt: skip
def test_ssf_8_a_strange_body_is_a_clear_answer(
    evil: Receiver, method: str, path: str, how: str
) -> None:
    answer = evil.house.app.test_client().open(
        path,
        method=method,
        data=BODIES[how],
        headers={"Authorization": f"Bearer {evil.token}"},
        content_type="application/json",
    )

    assert answer.status_code in {400, 404}
    assert answer.get_json()["error"] in {"invalid_request", "not_found"}


SUBJECTS: list[Any] = [
    {}, {"format": 5}, {"format": None}, {"format": ["iss_sub"]}, {"format": "x" * 5000},
    {"format": "iss_sub"}, {"format": "iss_sub", "iss": "https://evil.example", "sub": "x"},
    {"format": "iss_sub", "iss": ["http://localhost:8000"], "sub": "x"},
    {"format": "iss_sub", "iss": "http://localhost:8000", "sub": ["x"]},
    {"format": "iss_sub", "iss": "http://localhost:8000", "sub": "x" * 300},
    {"format": "iss_sub", "iss": "http://localhost:8000", "sub": "é"},
    {"format": "iss_sub", "iss": "http://localhost:8000/", "sub": "x"},
    {"format": "email", "email": "a@b"}, {"format": "phone_number", "phone_number": "0821234088"},
    {"format": "account", "uri": "acct:x"}, {"format": "did", "url": "did:x"},
    {"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": []}]},
    {"format": "complex", "user": []}, {"format": "complex", "user": {"format": "complex"}},
    {"format": "complex", "session": {"format": "opaque", "id": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SUBJECTS)))
def test_ssf_9_1_no_subject_tells_whether_somebody_is_there(evil: Receiver, number: int) -> None:
    named = evil.call("GET", "/ssf/streams").get_json() or [evil.creates("x")]
    about = {"stream_id": named[0]["stream_id"], "subject": SUBJECTS[number]}

    added = evil.call("POST", "/ssf/subjects/add", about)
    removed = evil.call("POST", "/ssf/subjects/remove", about)

    is_named = isinstance(SUBJECTS[number].get("format"), str)
    assert added.status_code == (200 if is_named else 400)
    assert removed.status_code in ({204, 429} if is_named else {400})
    assert not is_named or added.data == b""


def test_a_receiver_that_is_no_client_any_more_hears_nothing(target: House) -> None:
    gone = add_receiver(target, "gone-receiver")
    stream = gone.creates("x")["stream_id"]
    clients = target.app.extensions["idp.house"].clients
    with target.database.transaction() as connection:
        clients.disable(connection, "gone-receiver", now=target.clock())

    with later(target, seconds=3):
        assert {calls(gone, how, stream).status_code for how in CALLS} == {401}


def test_the_token_of_one_client_is_not_another_ones(portal: PortalClient) -> None:
    """A portal without the scope gets none by asking for it."""
    answer = portal.token(grant_type="client_credentials", scope="ssf.manage")

    assert "access_token" not in answer.get_json()
