"""SSF 1.0: the configuration of the transmitter and the management of streams (sections 7, 8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.domain.signals import SUPPORTED
from idp.storage.streams import MOST_STREAMS
from tests.support.house import House, add_portal, answer_of
from tests.support.portals import at_once
from tests.support.receivers import CAEP, POLL, PUSH, Receiver, add_receiver

REVOKED, CHANGED = f"{CAEP}session-revoked", f"{CAEP}credential-change"
UNKNOWN_ID = "0" * 32


@pytest.fixture
def receiver(house: House) -> Receiver:
    return add_receiver(house)


# --- section 7 ------------------------------------------------------------------------------------


def test_7_2_the_configuration_names_every_endpoint_and_the_issuer(house: House) -> None:
    answer = house.app.test_client().get("/.well-known/ssf-configuration")

    found = answer.get_json()
    assert answer.content_type == "application/json"
    assert (found["issuer"], found["spec_version"]) == ("http://localhost:8000", "1_0")
    assert found["delivery_methods_supported"] == [PUSH, POLL]
    assert found["authorization_schemes"] == [{"spec_urn": "urn:ietf:rfc:6749"}]
    assert found["default_subjects"] == "ALL"
    assert found["jwks_uri"] == "http://localhost:8000/jwks"
    for name in ("configuration", "status", "add_subject", "remove_subject", "verification"):
        assert found[f"{name}_endpoint"].startswith("http://localhost:8000/ssf/")


# --- section 8.1.1 --------------------------------------------------------------------------------


def test_8_1_1_1_a_stream_is_created_with_all_that_is_required(receiver: Receiver) -> None:
    stream = receiver.creates(REVOKED, "urn:unknown:event", description="Cổng")

    assert stream["iss"] == "http://localhost:8000"
    assert stream["aud"] == "hanoi"
    assert stream["events_supported"] == list(SUPPORTED)
    assert stream["events_requested"] == [REVOKED, "urn:unknown:event"]
    assert stream["events_delivered"] == [REVOKED]
    assert stream["min_verification_interval"] == 10
    assert stream["description"] == "Cổng"


def test_8_1_1_1_without_delivery_the_receiver_polls_at_our_address(receiver: Receiver) -> None:
    first, second = receiver.creates(), receiver.creates()

    assert first["delivery"]["method"] == POLL
    assert first["delivery"]["endpoint_url"].endswith(first["stream_id"])
    assert first["delivery"]["endpoint_url"] != second["delivery"]["endpoint_url"]


def test_8_1_1_2_one_stream_or_the_list_of_all(receiver: Receiver) -> None:
    assert receiver.call("GET", "/ssf/streams").get_json() == []
    stream = receiver.creates(REVOKED)

    one = receiver.call("GET", f"/ssf/streams?stream_id={stream['stream_id']}")

    assert one.get_json() == stream
    assert one.headers["Cache-Control"] == "no-store"
    assert receiver.call("GET", "/ssf/streams").get_json() == [stream]


def test_8_1_1_3_an_update_changes_what_is_there_and_nothing_else(receiver: Receiver) -> None:
    stream = receiver.pushes_to("https://hanoi.example.vn/events", REVOKED, header="Bearer x")

    answer = receiver.call(
        "PATCH",
        "/ssf/streams",
        {"stream_id": stream["stream_id"], "events_requested": [CHANGED], "iss": stream["iss"]},
    )

    expected = {**stream, "events_requested": [CHANGED], "events_delivered": [CHANGED]}
    assert (answer.status_code, answer.get_json()) == (200, expected)


def test_8_1_1_4_a_replacement_deletes_what_is_missing(receiver: Receiver) -> None:
    stream = receiver.pushes_to("https://hanoi.example.vn/events", REVOKED, header="Bearer x")

    answer = receiver.call("PUT", "/ssf/streams", {"stream_id": stream["stream_id"]})

    found = answer.get_json()
    assert (found["delivery"]["method"], found["events_requested"]) == (POLL, [])
    assert "authorization_header" not in found["delivery"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "http://evil.example"),
        ("aud", "boyte"),
        ("events_supported", []),
        ("events_delivered", [CHANGED]),
        ("min_verification_interval", 1),
    ],
)
def test_8_1_1_3_what_the_transmitter_supplies_must_match(
    receiver: Receiver, method: str, name: str, value: Any
) -> None:
    stream = receiver.creates(REVOKED)

    answer = receiver.call(method, "/ssf/streams", {"stream_id": stream["stream_id"], name: value})

    assert answer.status_code == 400


def test_8_1_1_5_a_deleted_stream_is_gone(receiver: Receiver) -> None:
    path = f"/ssf/streams?stream_id={receiver.creates()['stream_id']}"

    answers = [receiver.call(how, path).status_code for how in ("DELETE", "DELETE", "GET")]

    assert answers == [204, 404, 404]


def test_8_1_a_stream_of_another_client_does_not_exist(house: House, receiver: Receiver) -> None:
    stream, other = receiver.creates(REVOKED), add_receiver(house, "boyte")
    body = {"stream_id": stream["stream_id"], "status": "disabled", "subject": {"format": "x"}}
    poll = f"/ssf/poll/{stream['stream_id']}"

    answers = [
        other.call(method, path, body).status_code
        for method, path in (
            ("GET", f"/ssf/streams?stream_id={stream['stream_id']}"),
            ("PATCH", "/ssf/streams"),
            ("PUT", "/ssf/streams"),
            ("DELETE", f"/ssf/streams?stream_id={stream['stream_id']}"),
            ("GET", f"/ssf/status?stream_id={stream['stream_id']}"),
            ("POST", "/ssf/status"),
            ("POST", "/ssf/subjects/add"),
            ("POST", "/ssf/subjects/remove"),
            ("POST", "/ssf/verify"),
            ("POST", poll),
        )
    ]

    assert set(answers) == {404}
    assert other.call("GET", "/ssf/streams").get_json() == []


def test_the_number_of_streams_is_limited_also_in_parallel(receiver: Receiver) -> None:
    answers = at_once(
        *[lambda: receiver.call("POST", "/ssf/streams", {}).status_code for _ in range(9)]
    )

    assert answers.count(201) == MOST_STREAMS
    assert set(answers) == {201, 409}
    assert len(receiver.call("GET", "/ssf/streams").get_json()) == MOST_STREAMS


# --- who may --------------------------------------------------------------------------------------


def test_without_a_good_token_nothing_is_answered(house: House, receiver: Receiver) -> None:
    for token in ("", "x", receiver.token[:-3] + "abc"):
        answer = Receiver(house, "hanoi", token).call("GET", "/ssf/streams")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="ssf"')


def test_a_token_in_the_address_is_no_token(house: House, receiver: Receiver) -> None:
    answer = house.app.test_client().get(f"/ssf/streams?access_token={receiver.token}")

    assert answer.status_code == 401


def test_a_token_without_the_scope_is_not_enough(house: House) -> None:
    add_receiver(house)
    reader = add_receiver(house, "boyte", scope="ssf.read")

    reading = reader.call("GET", "/ssf/streams")
    changing = reader.call("POST", "/ssf/streams", {})

    assert (reading.status_code, changing.status_code) == (200, 403)
    assert 'error="insufficient_scope"' in changing.headers["WWW-Authenticate"]


def test_a_persons_token_manages_nothing(house: House) -> None:
    portal = add_portal(house, scope="openid ssf.manage")
    browser = house.browser()
    browser.registers()
    browser.signs_in_at(portal.request(scope="openid ssf.manage"))
    assert browser.page
    tokens = portal.redeems(answer_of(browser.page)["code"]).get_json()

    answer = Receiver(house, "hanoi", tokens["access_token"]).call("GET", "/ssf/streams")

    assert tokens["scope"] == "openid"
    assert answer.status_code == 401


def test_a_token_ends_with_its_time(house: House, receiver: Receiver) -> None:
    house.clock.forward(minutes=6)

    assert receiver.call("GET", "/ssf/streams").status_code == 401


# --- sections 8.1.2 and 8.1.3 ---------------------------------------------------------------------


def test_8_1_2_the_status_is_what_was_set(receiver: Receiver) -> None:
    stream_id = receiver.creates()["stream_id"]
    path = f"/ssf/status?stream_id={stream_id}"
    assert receiver.call("GET", path).get_json() == {"stream_id": stream_id, "status": "enabled"}

    for status in ("paused", "disabled", "enabled"):
        body = {"stream_id": stream_id, "status": status, "reason": "Bảo trì"}
        assert receiver.call("POST", path, body).get_json() == body
        assert receiver.call("GET", path).get_json() == body


def test_8_1_3_unknown_kinds_of_subjects_are_taken_in_silence(receiver: Receiver) -> None:
    body = {
        "stream_id": receiver.creates()["stream_id"],
        "subject": {"format": "email", "email": "example.user@example.com"},
    }

    added = receiver.call("POST", "/ssf/subjects/add", body)
    removed = receiver.call("POST", "/ssf/subjects/remove", body)

    assert (added.status_code, added.data) == (200, b"")
    assert removed.status_code == 204


# --- hostile values -------------------------------------------------------------------------------

HOSTILE = [
    b"{ broken",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b"null",
    b'{"stream_id": 7}',
    b'{"stream_id": "' + b"a" * 5000 + b'"}',
    b'{"events_requested": "x"}',
    b'{"events_requested": [7]}',
    b'{"events_requested": [' + b'"x",' * 101 + b'"x"]}',
    b'{"description": {}}',
    b'{"delivery": "push"}',
    b'{"delivery": {"method": "urn:ietf:rfc:8935"}}',
    b'{"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "http://a.example/x"}}',
    b'{"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://u:p@a.example/"}}',
    b'{"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "file:///etc/passwd"}}',
    b'{"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://a.example/#x"}}',
    (
        b'{"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://a.example/", '
        b'"authorization_header": "a\\r\\nX: y"}}'
    ),
    b'{"delivery": {"method": "urn:ietf:rfc:8936", "endpoint_url": "https://a.example/"}}',
    b'{"delivery": {"method": "urn:x"}}',
    b"[" * 5000,
]


@pytest.mark.parametrize("body", HOSTILE)
def test_a_hostile_body_is_refused_and_creates_nothing(receiver: Receiver, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {receiver.token}"}
    client = receiver.house.app.test_client()

    answer = client.post("/ssf/streams", data=body, headers=headers)

    assert answer.status_code == 400
    assert answer.get_json()["error"] == "invalid_request"
    assert receiver.call("GET", "/ssf/streams").get_json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/ssf/streams?stream_id=", None, 404),
        ("GET", "/ssf/streams?stream_id=%00", None, 404),
        ("GET", f"/ssf/streams?stream_id={UNKNOWN_ID}", None, 404),
        ("DELETE", "/ssf/streams", None, 404),
        ("PATCH", "/ssf/streams", {}, 404),
        ("PUT", "/ssf/streams", {"stream_id": UNKNOWN_ID}, 404),
        ("GET", "/ssf/status", None, 404),
        ("POST", "/ssf/status", {}, 400),
        ("POST", "/ssf/status", {"stream_id": UNKNOWN_ID, "status": "enabled"}, 404),
        ("POST", "/ssf/verify", {}, 400),
        ("POST", "/ssf/verify", {"stream_id": UNKNOWN_ID}, 404),
        ("POST", "/ssf/subjects/add", {"stream_id": UNKNOWN_ID}, 400),
        ("POST", "/ssf/poll/x", {}, 404),
        ("POST", f"/ssf/poll/{UNKNOWN_ID}", {}, 404),
        ("GET", f"/ssf/poll/{UNKNOWN_ID}", None, 405),
        ("POST", "/ssf/nothing", {}, 404),
    ],
)
def test_what_does_not_exist_is_a_clear_answer(
    receiver: Receiver, method: str, path: str, body: Any, status: int
) -> None:
    answer = receiver.call(method, path, body)

    assert answer.status_code == status
    assert answer.content_type.startswith("application/json")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "broken"},
        {"status": 7},
        {"status": "paused", "reason": "x" * 2000},
    ],
)
def test_a_hostile_status_changes_nothing(receiver: Receiver, change: dict[str, Any]) -> None:
    stream_id = receiver.creates()["stream_id"]

    answer = receiver.call("POST", "/ssf/status", {"stream_id": stream_id, **change})

    assert answer.status_code == 400
    path = f"/ssf/status?stream_id={stream_id}"
    assert receiver.call("GET", path).get_json()["status"] == "enabled"
