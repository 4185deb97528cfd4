"""Addresses that strangers give us to call, or a browser to load: SSRF (OWASP API 7; CWE-918).

Here the whole provider runs with the real client for such addresses; names lead where an attacker
wants them to. What the client itself refuses is in ``tests/adapters/test_web.py``.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from idp import courier as couriers
from idp.adapters.web import WebAdapter
from idp.config import RegistrationMode, Tls
from tests.adapters.test_web import PRIVATE
from tests.support import house as houses
from tests.support.house import House, add_portal, answer_of
from tests.support.portal_kit import Program, Visitor, add_program, open_house, sign_in
from tests.support.portals import gets_tokens


@dataclass
class Names:
    """A resolver under the attacker's control."""

    address: str = "127.0.0.1"
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return [self.address]


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


@pytest.fixture(scope="module")
def web(names: Names) -> WebAdapter:
    return WebAdapter(Tls(), resolver=names, seconds=2)


@pytest.fixture(scope="module")
def provider(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, web: WebAdapter
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("fetching")
    (folder / "idp.sqlite").write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{folder / 'idp.sqlite'}"
    plain = replace(houses.config_for(url, folder).oidc, registration=RegistrationMode.OPEN)
    fields = {name: getattr(plain, name) for name in type(plain).__dataclass_fields__}
    built = open_house(url, folder, web, oidc=fields)  # type: ignore[arg-type]  # a web client
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def visitor(provider: House) -> Visitor:
    return sign_in(provider)


@pytest.fixture(autouse=True)
def nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """No connection is made at all: a refused one would already tell what listens inside."""
    called: list[object] = []

    def connect(*address: object, **_: object) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return called


def program(provider: House, address: str, **metadata: Any) -> Program:
    """A client whose keys are at a name of its own, so that nothing is remembered."""
    host = f"x{address.encode().hex()}.example.vn"
    return add_program(
        provider,
        f"at-{address.encode().hex()}",
        profile="standard",
        dpop_bound_access_tokens=False,
        jwks=None,
        jwks_uri=f"https://{host}/jwks",
        request_uris=[f"https://{host}/request.jwt"],
        **metadata,
    )


@pytest.mark.parametrize("address", PRIVATE)
def test_keys_are_not_fetched_from_inside(
    provider: House, names: Names, nobody_is_called: list[object], address: str
) -> None:
    names.address = address
    client, before = program(provider, address), len(names.asked)

    answer = client.post("/token", grant_type="client_credentials")

    assert answer.get_json()["error"] == "invalid_client"
    assert len(names.asked) == before + 1
    assert nobody_is_called == []


@pytest.mark.parametrize("address", PRIVATE)
def test_requests_are_not_fetched_from_inside(
    visitor: Visitor, names: Names, nobody_is_called: list[object], address: str
) -> None:
    names.address = address
    client = program(visitor.house, address)
    uri = f"https://x{address.encode().hex()}.example.vn/request.jwt"

    page = visitor.client.get(client.plain_request(request_uri=uri))

    assert answer_of(page)["error"] == "invalid_request_uri"
    assert nobody_is_called == []


@pytest.mark.parametrize("address", PRIVATE)
def test_a_sector_is_not_fetched_from_inside(
    provider: House, names: Names, nobody_is_called: list[object], address: str
) -> None:
    names.address = address
    body = {
        "redirect_uris": ["https://rp.example.vn/cb"],
        "sector_identifier_uri": "https://sector.example.vn/list.json",
    }

    answer = provider.app.test_client().post(
        "/connect/register",
        data=json.dumps(body),
        content_type="application/json",
        headers={"X-Forwarded-For": f"203.0.{PRIVATE.index(address)}.1"},
    )

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client_metadata")
    assert nobody_is_called == []


@pytest.mark.parametrize("address", PRIVATE)
def test_no_logout_is_posted_inside(  # noqa: PLR0913, PLR0917  what it takes to sign out
    provider: House,
    visitor: Visitor,
    web: WebAdapter,
    names: Names,
    nobody_is_called: list[object],
    address: str,
) -> None:
    names.address = address
    name = f"bye-{address.encode().hex()}"
    add_portal(provider, name, backchannel_logout_uri=f"https://{name}.example.vn/bye")
    grant = gets_tokens(provider, name, visitor.session_id)
    sessions, before = provider.app.extensions["idp.house"].sessions, len(names.asked)
    with provider.database.transaction() as connection:
        sessions.leave(connection, visitor.session_id, name, now=provider.clock())

    couriers.build(provider.base, web).deliver()

    assert grant
    assert len(names.asked) > before
    assert nobody_is_called == []


FRAMES = [
    "https://evil.example/out",
    "https://hanoi.example.vn:8443/out",
    "https://sub.hanoi.example.vn/out",
    "https://hanoi.example.vn.evil.example/out",
    "https://example.vn/out",
]


@pytest.mark.parametrize("uri", FRAMES)
def test_front_channel_logout_2_no_third_party_is_loaded_in_our_page(
    provider: House, uri: str
) -> None:
    body = {
        "redirect_uris": ["https://hanoi.example.vn/callback"],
        "frontchannel_logout_uri": uri,
    }
    headers = {"X-Forwarded-For": "203.0.113.200"}
    http = provider.app.test_client()

    refused = http.post("/connect/register", json=body, headers=headers)
    body["frontchannel_logout_uri"] = "https://hanoi.example.vn:443/out?x=1"
    taken = http.post("/connect/register", json=body, headers=headers)

    assert (refused.status_code, taken.status_code) == (400, 201)
