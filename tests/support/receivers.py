"""A receiver of security events: one client with its token, and the calls that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.support.house import House, PortalClient, add_portal
from tests.support.portals import read

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SSF = "https://schemas.openid.net/secevent/ssf/event-type/"
PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"


@dataclass
class Receiver:
    """A client and its access token."""

    house: House
    client_id: str
    token: str
    portal: PortalClient | None = None

    def call(self, method: str, path: str, json: Any = None, **how: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        client = self.house.app.test_client()
        return client.open(path, method=method, json=json, headers=headers, **how)

    def renews(self) -> None:
        """Another token, after the last one's time."""
        assert self.portal
        answer = self.portal.token(grant_type="client_credentials", scope="ssf.manage")
        self.token = answer.get_json()["access_token"]

    def creates(self, *events: str, **changes: Any) -> dict[str, Any]:
        """A stream for these events; it polls unless told otherwise."""
        answer = self.call("POST", "/ssf/streams", {"events_requested": list(events), **changes})
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json())

    def pushes_to(self, url: str, *events: str, header: str | None = None) -> dict[str, Any]:
        delivery = {"method": PUSH, "endpoint_url": url}
        if header:
            delivery["authorization_header"] = header
        return self.creates(*events, delivery=delivery)

    def polls(self, stream: dict[str, Any], **asked: Any) -> dict[str, Any]:
        path = stream["delivery"]["endpoint_url"].removeprefix("http://localhost:8000")
        answer = self.call("POST", path, {"returnImmediately": True, **asked})
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def hears(self, stream: dict[str, Any]) -> list[dict[str, Any]]:
        """The claims of everything that waits, verified; nothing is acknowledged."""
        return [read(self.house, token)[1] for token in self.polls(stream)["sets"].values()]

    def hears_types(self, stream: dict[str, Any]) -> list[str]:
        return [kind for claims in self.hears(stream) for kind in claims["events"]]


def add_receiver(
    house: House, client_id: str = "hanoi", scope: str = "ssf.manage", **metadata: Any
) -> Receiver:
    """Register a portal that also manages streams, and give it a token."""
    portal = add_portal(
        house,
        client_id,
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        scope="openid profile phone email identity ssf.manage ssf.read",
        **metadata,
    )
    answer = portal.token(grant_type="client_credentials", scope=scope).get_json()
    assert answer["scope"] == scope
    return Receiver(house, client_id, answer["access_token"], portal)
