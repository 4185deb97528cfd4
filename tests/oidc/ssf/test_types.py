"""Bodies of receivers with values of any type (RFC 8259): no accident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oidc.rfc8259.test_types import STRANGE
from tests.support.house import House
from tests.support.portal_kit import open_plain_house
from tests.support.receivers import CAEP, Receiver, add_receiver

REVOKED = f"{CAEP}session-revoked"


@pytest.fixture(scope="module")
def place(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = open_plain_house(sqlite_template, tmp_path_factory.mktemp("receiver"))
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def receiver(place: House) -> Receiver:
    return add_receiver(place)


@pytest.fixture(scope="module")
def stream(receiver: Receiver) -> dict[str, Any]:
    return receiver.creates(REVOKED)


FIELDS: dict[tuple[str, str], list[str]] = {
    ("PATCH", "/ssf/streams"): ["delivery", "events_requested", "description", "iss", "aud"],
    ("POST", "/ssf/status"): ["status", "reason"],
    ("POST", "/ssf/subjects/add"): ["subject", "verified"],
    ("POST", "/ssf/subjects/remove"): ["subject"],
    ("POST", "/ssf/verify"): ["state", "stream_id"],
    ("POST", "poll"): ["maxEvents", "returnImmediately", "ack", "setErrs"],
}
CASES = [(method, path, name) for (method, path), names in FIELDS.items() for name in names]


@pytest.mark.parametrize(("method", "path", "name"), CASES)
def test_ssf_8_1_a_member_of_any_type_is_answered(
    receiver: Receiver, stream: dict[str, Any], method: str, path: str, name: str
) -> None:
    if path == "poll":
        path = stream["delivery"]["endpoint_url"].removeprefix("http://localhost:8000")
    plain = {"stream_id": stream["stream_id"], "status": "enabled", "returnImmediately": True}
    for value in STRANGE:
        answer = receiver.call(method, path, {**plain, name: value})

        assert answer.status_code < 500, (name, value)
        assert answer.status_code != 405, path
        assert answer.status_code != 404 or name == "stream_id", path
