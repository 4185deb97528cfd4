"""The suite's modules for a transmitter of Shared Signals, over push and poll, and CAEP interop.

What a module sends is sent here in its order, and what its conditions check is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from idp.domain.events import AuditEvent, Event
from idp.storage.audit import AuditStore
from idp.storage.sessions import SessionStore
from tests.support.build import LIFETIMES, VAULT
from tests.support.house import House
from tests.support.portal_kit import Visitor, open_plain_house, sign_in
from tests.support.portals import MemoryWeb, build_courier, gets_tokens, read
from tests.support.receivers import CAEP, POLL, PUSH, SSF, Receiver, add_receiver

ASKED = [f"{CAEP}{name}" for name in
         ("session-revoked", "credential-change", "device-compliance-change")]  # fmt: skip
RP = "https://suite.example.vn/ssf-push"
AUTHORIZATION = "Bearer push_token_1"
BROKEN = b";{ broken"
CAEP_NAMES = {"session-revoked", "token-claims-change", "credential-change",
              "assurance-level-change", "device-compliance-change", "session-established",
              "session-presented", "risk-level-change"}  # fmt: skip
RISC_NAMES = {"account-credential-change-required", "account-disabled", "account-enabled",
              "account-purged", "credential-compromise", "identifier-changed",
              "identifier-recycled", "opt-in", "opt-out-cancelled", "opt-out-effective",
              "opt-out-initiated", "recovery-activated", "recovery-information-changed",
              "sessions-revoked"}  # fmt: skip


@pytest.fixture
def house(sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    built = open_plain_house(sqlite_template, tmp_path)
    yield built
    built.database.close()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return sign_in(house)


@pytest.fixture
def suite(house: House) -> Suite:
    """The suite as a receiver: its static client asks for a token by client credentials."""
    return Suite(add_receiver(house, "suite", scope="ssf.manage"), MemoryWeb())


@pytest.fixture(params=[PUSH, POLL], ids=["push", "poll"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Suite:
    """What the modules share: the calls of AbstractOIDSSFTransmitterTestModule."""

    def __init__(self, receiver: Receiver, web: MemoryWeb) -> None:
        self.receiver, self.web = receiver, web
        self.metadata: dict[str, Any] = (
            receiver.house.app.test_client().get("/.well-known/ssf-configuration").get_json()
        )

    def path(self, name: str) -> str:
        return urlsplit(self.metadata[f"{name}_endpoint"]).path

    def config(self, method: str, header: str | None = AUTHORIZATION) -> dict[str, Any]:
        delivery: dict[str, Any] = {"method": method}
        if method == PUSH:
            delivery["endpoint_url"] = RP
            delivery |= {"authorization_header": header} if header else {}
        return {
            "description": "Stream for OIDF Conformance Test-Suite",
            "events_requested": ASKED,
            "delivery": delivery,
        }

    def creates(self, method: str, header: str | None = AUTHORIZATION) -> dict[str, Any]:
        answer = self.receiver.call("POST", self.path("configuration"), self.config(method, header))
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json())

    def at(self, stream: dict[str, Any], how: str, name: str = "configuration") -> TestResponse:
        return self.receiver.call(how, f"{self.path(name)}?stream_id={stream['stream_id']}")

    def verifies(self, stream: dict[str, Any]) -> str:
        """Ask for a verification event; answers the state to expect."""
        state = str(uuid4())
        body = {"stream_id": stream["stream_id"], "state": state}
        assert self.receiver.call("POST", self.path("verification"), body).status_code == 204
        return state

    def received(self, stream: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Header and claims of everything that came, by the stream's way."""
        house = self.receiver.house
        if stream["delivery"]["method"] == POLL:
            tokens = list(self.receiver.polls(stream, maxEvents=10)["sets"].values())
        else:
            self.web.says(RP, 202)
            build_courier(house, self.web).deliver()
            tokens = [body.decode() for to, body, _ in self.web.posts if to == RP]
        return [read(house, token) for token in tokens]


def checks_set(header: dict[str, Any], claims: dict[str, Any], stream: dict[str, Any]) -> None:
    """verifyParsedVerificationEventCommon, with what CAEP interop adds (2.6, 2.8.1)."""
    assert (header["typ"], header["alg"]) == ("secevent+jwt", "RS256")
    assert len(claims["events"]) == 1
    assert not {"sub", "exp"} & claims.keys()
    assert claims["iss"] == stream["iss"]
    assert claims["aud"] == stream["aud"]
    assert isinstance(claims["jti"], str)


def checks_verification(suite: Suite, stream: dict[str, Any], state: str) -> None:
    [(header, claims)] = suite.received(stream)
    checks_set(header, claims, stream)
    assert claims["sub_id"] == {"format": "opaque", "id": stream["stream_id"]}
    assert claims["events"][f"{SSF}verification"] == {"state": state}


# --- metadata -------------------------------------------------------------------------------------


def test_openid_ssf_transmitter_metadata(suite: Suite) -> None:
    found = suite.metadata
    assert found["spec_version"] == "1_0"
    assert found["default_subjects"] in {"ALL", "NONE"}
    assert {"spec_urn": "urn:ietf:rfc:6749"} in found["authorization_schemes"]
    assert set(found["delivery_methods_supported"]) <= {PUSH, POLL}
    assert all(found[name] != [] for name in found)
    for name in ("jwks_uri", "configuration_endpoint", "status_endpoint", "verification_endpoint"):
        assert found[name].startswith(found["issuer"])
    keys = suite.receiver.house.app.test_client().get("/jwks").get_json()["keys"]
    assert all({"kty", "kid", "use", "alg"} <= key.keys() for key in keys)


# --- stream control -------------------------------------------------------------------------------


def test_openid_ssf_stream_control_happy_path(suite: Suite, method: str) -> None:
    created = suite.creates(method)
    assert {"stream_id", "iss", "aud", "events_delivered", "delivery"} <= created.keys()
    assert created["delivery"]["method"] == method

    read_back = suite.at(created, "GET").get_json()
    known = {f"{CAEP}{name}" for name in CAEP_NAMES}
    known |= {f"{CAEP.replace('caep', 'risc')}{name}" for name in RISC_NAMES}
    assert set(read_back["events_supported"]) <= known
    assert set(read_back["events_supported"]) & set(ASKED)
    for how, word in (("PATCH", "Updated"), ("PUT", "Replaced")):
        body = {**suite.config(method), "stream_id": created["stream_id"], "description": word}
        changed = suite.receiver.call(how, suite.path("configuration"), body)
        assert (changed.status_code, changed.get_json()["iss"]) == (200, created["iss"])
        assert changed.get_json()["description"] == word
    assert suite.at(created, "GET", "status").status_code == 200
    for status in ("enabled", "paused", "disabled"):
        body = {"stream_id": created["stream_id"], "status": status, "reason": "Updated"}
        path = f"{suite.path('status')}?stream_id={created['stream_id']}"
        told = suite.receiver.call("POST", path, body)
        assert (told.status_code, told.get_json()["status"]) == (200, status)
    assert suite.at(created, "DELETE").status_code == 204


def test_openid_ssf_stream_control_error_create_stream_with_broken_input(suite: Suite) -> None:
    answer = suite.receiver.call(
        "POST", suite.path("configuration"), data=BROKEN, content_type="application/json"
    )

    assert answer.status_code == 400


def test_openid_ssf_stream_control_error_create_stream_with_duplicate_config(
    suite: Suite, method: str
) -> None:
    suite.creates(method)

    again = suite.receiver.call("POST", suite.path("configuration"), suite.config(method))

    assert again.status_code in {201, 409}


Call = Callable[[Suite, dict[str, Any], Receiver], TestResponse]
CALLS: dict[str, Call] = {
    "create": lambda s, _, r: r.call("POST", s.path("configuration"), s.config(POLL)),
    "read": lambda s, stream, r: r.call(
        "GET", f"{s.path('configuration')}?stream_id={stream['stream_id']}"
    ),
    "update": lambda s, stream, r: r.call(
        "PATCH", s.path("configuration"), {**s.config(POLL), "stream_id": stream["stream_id"]}
    ),
    "replace": lambda s, stream, r: r.call(
        "PUT", s.path("configuration"), {**s.config(POLL), "stream_id": stream["stream_id"]}
    ),
    "delete": lambda s, stream, r: r.call(
        "DELETE", f"{s.path('configuration')}?stream_id={stream['stream_id']}"
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_openid_ssf_stream_control_error_with_invalid_token(suite: Suite, name: str) -> None:
    stream = suite.creates(POLL)
    invalid = Receiver(suite.receiver.house, "suite", "invalid")

    assert CALLS[name](suite, stream, invalid).status_code == 401


@pytest.mark.parametrize("name", ["read", "update", "replace", "delete"])
def test_openid_ssf_stream_control_error_unknown_stream(suite: Suite, name: str) -> None:
    """A stream that was created and deleted a moment ago."""
    stream = suite.creates(POLL)
    assert suite.at(stream, "DELETE").status_code == 204

    assert CALLS[name](suite, stream, suite.receiver).status_code == 404


@pytest.mark.parametrize("how", ["PATCH", "PUT"])
def test_openid_ssf_stream_control_error_with_invalid_body(suite: Suite, how: str) -> None:
    suite.creates(POLL)

    answer = suite.receiver.call(
        how, suite.path("configuration"), data=BROKEN, content_type="application/json"
    )

    assert answer.status_code == 400


def test_openid_ssf_stream_subject_control(suite: Suite, method: str) -> None:
    stream = suite.creates(method)
    subject = {"format": "email", "email": "example.user@example.com"}
    body = {"stream_id": stream["stream_id"], "subject": subject, "verified": True}

    added = suite.receiver.call("POST", suite.path("add_subject"), body)
    removed = suite.receiver.call("POST", suite.path("remove_subject"), body)

    assert (added.status_code, removed.status_code) == (200, 204)


# --- verification ---------------------------------------------------------------------------------


def test_openid_ssf_transmitter_stream_verification_push(suite: Suite) -> None:
    stream = suite.creates(PUSH)
    state = suite.verifies(stream)

    checks_verification(suite, stream, state)

    [(_, _, headers)] = suite.web.posts
    assert headers["Authorization"] == AUTHORIZATION
    assert headers["Content-Type"] == "application/secevent+jwt"


def test_openid_ssf_transmitter_stream_verification_error_push_no_auth(suite: Suite) -> None:
    stream = suite.creates(PUSH, header=None)
    suite.verifies(stream)

    suite.received(stream)

    assert all("Authorization" not in headers for _, _, headers in suite.web.posts)
    assert len(suite.web.posts) == 1


def test_openid_ssf_transmitter_stream_verification_poll_only(suite: Suite) -> None:
    stream = suite.creates(POLL)
    state = suite.verifies(stream)

    checks_verification(suite, stream, state)


def test_openid_ssf_transmitter_stream_verification_ack_only(suite: Suite) -> None:
    stream = suite.creates(POLL)
    suite.verifies(stream)
    waiting = list(suite.receiver.polls(stream, maxEvents=10)["sets"])

    answer = suite.receiver.polls(stream, maxEvents=0, ack=waiting)

    assert answer["sets"] == {}
    assert suite.receiver.polls(stream, maxEvents=10)["sets"] == {}


def test_openid_ssf_transmitter_stream_verification_poll_and_ack(suite: Suite) -> None:
    stream = suite.creates(POLL)
    suite.verifies(stream)
    first = list(suite.receiver.polls(stream, maxEvents=10)["sets"])
    suite.receiver.house.clock.forward(seconds=stream["min_verification_interval"])
    state = suite.verifies(stream)

    sets = suite.receiver.polls(stream, maxEvents=10, ack=first)["sets"]

    [token] = sets.values()
    claims = read(suite.receiver.house, token)[1]
    assert claims["events"][f"{SSF}verification"]["state"] == state


# --- CAEP interoperability ------------------------------------------------------------------------


def test_openid_ssf_transmitter_stream_caep_interop(
    suite: Suite, visitor: Visitor, method: str
) -> None:
    """The stream is verified, then the events that it promises are triggered and come."""
    house = suite.receiver.house
    answer = suite.receiver.portal
    assert answer
    token = answer.token(grant_type="client_credentials", scope="ssf.manage").get_json()
    assert token["expires_in"] <= 3600  # 2.7.1: short-lived
    stream = suite.creates(method)
    assert suite.at(stream, "GET", "status").get_json()["status"] == "enabled"
    state = suite.verifies(stream)
    checks_verification(suite, stream, state)
    visitor.agrees("suite")
    gets_tokens(house, "suite", visitor.session_id)

    triggers(visitor)

    expected = set(stream["events_delivered"]) & set(ASKED)
    events = [each for each in suite.received(stream) if not is_verification(each[1])]
    assert {kind for _, claims in events for kind in claims["events"]} == expected
    for header, claims in events:
        checks_set(header, claims, stream)
        [(kind, event)] = claims["events"].items()
        assert isinstance(event["event_timestamp"], int)
        assert event["initiating_entity"] in {"admin", "user", "policy", "system"}
        for name in {"reason_admin", "reason_user"} & event.keys():
            assert all(isinstance(text, str) and text for text in event[name].values())
        if kind == f"{CAEP}credential-change":
            assert event["credential_type"] in {"password", "pin", "x509", "fido2-platform"}
            assert event["change_type"] in {"create", "revoke", "update", "delete"}


def is_verification(claims: dict[str, Any]) -> bool:
    return f"{SSF}verification" in claims["events"]


def triggers(visitor: Visitor) -> None:
    """A changed password, and a session that ends."""
    house = visitor.house
    now = house.clock() + timedelta(seconds=1)
    with house.database.transaction() as connection:
        AuditStore(house.database, VAULT).add(
            connection, AuditEvent(Event.PASSWORD_CHANGED, now, visitor.account_id)
        )
        SessionStore(house.database, VAULT, LIFETIMES).end(
            connection, [visitor.session_id], "logout", now=now
        )
