"""How events reach their receivers: SETs (RFC 8417), push (RFC 8935), poll (RFC 8936), SSF 1.0."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from idp.domain.signals import Signal, SignalType
from idp.storage import signals as queue
from idp.storage.signals import MOST_WAITING
from tests.support.house import House
from tests.support.portals import (
    MemoryWeb,
    at_once,
    build_courier,
    gets_tokens,
    open_signed_in,
    read,
)
from tests.support.receivers import CAEP, RISC, SSF, Receiver, add_receiver

ENABLED = f"{RISC}account-enabled"
VERIFICATION = f"{SSF}verification"
URL = "https://hanoi.example.vn/events"


@pytest.fixture
def receiver(house: House) -> Receiver:
    return add_receiver(house)


@pytest.fixture
def account_id(house: House, receiver: Receiver) -> UUID:
    """Somebody who is signed in at the receiver's portal."""
    found, session_id = open_signed_in(house)
    gets_tokens(house, receiver.client_id, session_id)
    return found


def happens(house: House, account_id: UUID, times: int = 1) -> None:
    """Something that portals may hear of."""
    with house.database.transaction() as connection:
        for _ in range(times):
            signal = Signal(SignalType.ACCOUNT_ENABLED)
            queue.add(connection, account_id, [signal], now=house.clock())


def verify(receiver: Receiver, stream: dict[str, Any], **more: Any) -> int:
    body = {"stream_id": stream["stream_id"], **more}
    return receiver.call("POST", "/ssf/verify", body).status_code


# --- SETs -----------------------------------------------------------------------------------------


def test_4_1_a_set_is_typed_and_has_no_sub_and_no_exp(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id)

    [(jti, token)] = receiver.polls(stream)["sets"].items()

    header, claims = read(house, token)
    assert (header["typ"], header["alg"]) == ("secevent+jwt", "RS256")
    assert (claims["iss"], claims["aud"]) == ("http://localhost:8000", "hanoi")
    assert claims["jti"] == jti
    assert claims["txn"]
    assert claims["iat"] == int(house.clock().timestamp())
    assert claims["events"] == {ENABLED: {}}
    assert not {"sub", "exp", "nonce"} & set(claims)


def test_a_set_is_no_access_token_and_no_hint(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id)
    [token] = receiver.polls(stream)["sets"].values()

    as_bearer = Receiver(house, "hanoi", token).call("GET", "/ssf/streams")
    as_hint = house.app.test_client().get(f"/logout?id_token_hint={token}")

    assert (as_bearer.status_code, as_hint.status_code) == (401, 400)


def test_two_portals_cannot_compare_their_sets(house: House) -> None:
    both = [add_receiver(house, name) for name in ("hanoi", "boyte")]
    account_id, session_id = open_signed_in(house)
    streams = [receiver.creates(ENABLED) for receiver in both]
    for receiver in both:
        gets_tokens(house, receiver.client_id, session_id)
    happens(house, account_id)

    [one], [other] = (r.hears(s) for r, s in zip(both, streams, strict=True))

    assert one["sub_id"]["sub"] != other["sub_id"]["sub"]
    assert one["txn"] != other["txn"]
    assert one["jti"] != other["jti"]


# --- verification (SSF 8.1.4) ---------------------------------------------------------------------


def test_8_1_4_a_verification_event_names_the_stream_and_echoes_the_state(
    receiver: Receiver,
) -> None:
    stream = receiver.creates()

    assert verify(receiver, stream, state="s-1") == 204

    [claims] = receiver.hears(stream)
    assert claims["sub_id"] == {"format": "opaque", "id": stream["stream_id"]}
    assert claims["events"] == {VERIFICATION: {"state": "s-1"}}


def test_8_1_4_verification_has_a_pace_also_in_parallel(house: House, receiver: Receiver) -> None:
    stream = receiver.creates()

    answers = at_once(*[lambda: verify(receiver, stream) for _ in range(6)])
    house.clock.forward(seconds=10)

    assert sorted(answers) == [204, 429, 429, 429, 429, 429]
    assert verify(receiver, stream) == 204


# --- polling (RFC 8936) ---------------------------------------------------------------------------


def test_rfc8936_2_4_events_come_until_they_are_acknowledged(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id, times=3)

    first = receiver.polls(stream, maxEvents=2)
    again = receiver.polls(stream, maxEvents=2)
    rest = receiver.polls(stream, maxEvents=2, ack=list(first["sets"]))
    none = receiver.polls(stream, maxEvents=0, ack=list(rest["sets"]))

    assert (len(first["sets"]), first["moreAvailable"]) == (2, True)
    assert set(again["sets"]) == set(first["sets"])
    assert (len(rest["sets"]), rest["moreAvailable"]) == (1, False)
    assert none == {"sets": {}, "moreAvailable": False}
    assert receiver.hears(stream) == []


def test_rfc8936_2_4_events_come_in_the_order_in_which_they_happened(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    for _ in range(5):
        happens(house, account_id)
        house.clock.forward(seconds=1)

    times = [claims["iat"] for claims in receiver.hears(stream)]

    assert times == sorted(times)


def test_rfc8936_2_4_an_event_that_the_receiver_cannot_read_is_not_sent_again(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id)
    [jti] = receiver.polls(stream)["sets"]

    error = {"err": "invalid_key", "description": "?"}
    answer = receiver.polls(stream, setErrs={jti: error, "x": error})

    assert answer["sets"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"maxEvents": -1},
        {"maxEvents": "x"},
        {"ack": "x"},
        {"ack": ["x"] * 1001},
        {"setErrs": []},
        {"returnImmediately": 3},
    ],
)
def test_a_hostile_poll_is_refused_and_forgets_nothing(
    house: House, receiver: Receiver, account_id: UUID, body: dict[str, Any]
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id)
    path = f"/ssf/poll/{stream['stream_id']}"

    answer = receiver.call("POST", path, body)

    assert answer.status_code == 400
    assert len(receiver.hears(stream)) == 1


def test_an_acknowledgement_reaches_only_the_own_stream(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    one, other = receiver.creates(ENABLED), receiver.creates(ENABLED)
    happens(house, account_id)
    [jti] = receiver.polls(one)["sets"]

    receiver.polls(other, ack=[jti])

    assert len(receiver.hears(one)) == 1


def test_polls_and_acknowledgements_at_once_lose_and_double_nothing(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id, times=40)
    received: list[str] = []

    def fetch() -> None:
        got: list[str] = []
        for _ in range(12):
            got = list(receiver.polls(stream, maxEvents=5, ack=got)["sets"])
            received.extend(got)

    at_once(*[fetch for _ in range(4)], lambda: happens(house, account_id, times=10))

    while left := list(receiver.polls(stream, maxEvents=50)["sets"]):
        received.extend(left)
        receiver.polls(stream, maxEvents=0, ack=left)
    assert len(set(received)) == 50


# --- pushing (RFC 8935) ---------------------------------------------------------------------------


def test_rfc8935_2_1_a_set_is_posted_with_the_receivers_own_header(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    web = MemoryWeb()
    web.says(URL, 202)
    receiver.pushes_to(URL, ENABLED, header="Bearer hanoi-secret")
    happens(house, account_id)

    build_courier(house, web).deliver()
    build_courier(house, web).deliver()

    [(url, body, headers)] = web.posts
    assert url == URL
    assert headers["Content-Type"] == "application/secevent+jwt"
    assert headers["Authorization"] == "Bearer hanoi-secret"
    assert read(house, body.decode())[1]["events"] == {ENABLED: {}}


@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        ((200, ""), 1),
        ((202, ""), 1),
        ((400, "invalid_request"), 1),
        ((400, "invalid_audience"), 1),
        ((400, "authentication_failed"), 2),
        ((401, ""), 2),
        ((302, ""), 2),
        ((500, ""), 2),
    ],
)
def test_rfc8935_2_4_what_the_answer_means(
    house: House, receiver: Receiver, account_id: UUID, answer: tuple[int, str], tries: int
) -> None:
    web = MemoryWeb()
    web.says(URL, answer[0], json.dumps({"err": answer[1]}).encode())
    receiver.pushes_to(URL, ENABLED)
    happens(house, account_id)
    courier = build_courier(house, web)

    courier.deliver()
    house.clock.forward(seconds=3)
    courier.deliver()

    assert len(web.posts) == tries


def test_a_receiver_that_comes_back_gets_the_same_events_in_order(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    web = MemoryWeb(down={URL})
    receiver.pushes_to(URL, ENABLED)
    for _ in range(3):
        happens(house, account_id)
        house.clock.forward(seconds=1)
    courier = build_courier(house, web)
    courier.deliver()
    house.clock.forward(hours=1)
    web.down.clear()

    courier.deliver()

    claims = [read(house, body.decode())[1] for _, body, _ in web.posts]
    assert [each["jti"] for each in claims[1:]] == sorted(each["jti"] for each in claims[1:])
    assert len(claims) == 4
    assert claims[0]["jti"] == claims[1]["jti"]


def test_two_workers_push_each_event_once(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    web = MemoryWeb()
    receiver.pushes_to(URL, ENABLED)
    happens(house, account_id, times=20)
    workers = [build_courier(house, web) for _ in range(4)]

    at_once(*[worker.deliver for worker in workers])

    sent = [read(house, body.decode())[1]["jti"] for _, body, _ in web.posts]
    assert len(sent) == len(set(sent)) == 20


# --- status, subjects, bounds ---------------------------------------------------------------------


def test_8_1_2_1_paused_holds_and_disabled_forgets(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    counts = {}
    for status in ("paused", "enabled", "disabled", "enabled"):
        body = {"stream_id": stream["stream_id"], "status": status}
        receiver.call("POST", "/ssf/status", body)
        if status != "enabled":
            happens(house, account_id)
        counts[status] = len(receiver.hears(stream))
        if status == "enabled" and "disabled" not in counts:
            assert counts == {"paused": 0, "enabled": 1}

    assert counts == {"paused": 0, "enabled": 0, "disabled": 0}


def test_8_1_3_3_about_a_removed_subject_nothing_is_sent_until_it_is_added(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id)
    [claims] = receiver.hears(stream)
    subject = {"stream_id": stream["stream_id"], "subject": claims["sub_id"]}
    assert receiver.call("POST", "/ssf/subjects/remove", subject).status_code == 204
    assert receiver.call("POST", "/ssf/subjects/remove", subject).status_code == 204
    happens(house, account_id)

    removed = receiver.hears(stream)
    assert receiver.call("POST", "/ssf/subjects/add", subject).status_code == 200
    happens(house, account_id)

    assert removed == []
    assert len(receiver.hears(stream)) == 1


def test_8_1_1_an_inactive_stream_is_paused_and_hears_of_it(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    web = MemoryWeb()
    receiver.pushes_to(URL, ENABLED)
    house.clock.forward(days=31)
    happens(house, account_id)
    courier = build_courier(house, web)

    courier.tidy()
    courier.deliver()

    [(_, body, _)] = web.posts
    [(kind, event)] = read(house, body.decode())[1]["events"].items()
    assert (kind, event["status"]) == (f"{SSF}stream-updated", "paused")


def test_an_event_is_kept_for_a_week(house: House, receiver: Receiver, account_id: UUID) -> None:
    stream = receiver.creates(ENABLED)
    happens(house, account_id)
    house.clock.forward(days=7, seconds=1)

    build_courier(house, MemoryWeb()).tidy()

    with house.database.transaction() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM signals")) == 0
    assert stream


def test_a_full_stream_loses_its_oldest(
    house: House, receiver: Receiver, account_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_WAITING", 5)
    monkeypatch.setattr(queue, "_OVERFLOW_SLACK", 0)
    stream = receiver.creates(ENABLED)
    for _ in range(8):
        happens(house, account_id)
        house.clock.forward(seconds=1)

    times = [claims["iat"] for claims in receiver.hears(stream)]

    assert MOST_WAITING == 10_000
    assert len(times) == 5
    assert times[-1] == int(house.clock().timestamp()) - 1


def test_an_event_that_was_not_asked_for_is_not_kept(
    house: House, receiver: Receiver, account_id: UUID
) -> None:
    receiver.creates(f"{CAEP}session-revoked")

    happens(house, account_id)

    with house.database.transaction() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM signals")) == 0


def test_a_portal_that_the_person_never_met_hears_nothing(house: House, account_id: UUID) -> None:
    stranger = add_receiver(house, "stranger")
    stream = stranger.creates(ENABLED)

    happens(house, account_id)

    assert stranger.hears(stream) == []
