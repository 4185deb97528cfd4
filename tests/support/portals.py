"""Portals that only listen: what they are sent is kept, and they answer as they are told."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet

from idp import courier as couriers
from idp.courier import Courier
from idp.domain.clients import Client
from idp.domain.errors import PortUnavailable
from idp.domain.ids import uuid7
from idp.oidc.tokens import GrantData, data_to_text
from idp.ports import WebAnswer
from idp.storage.grants import GrantStore, NewGrant
from tests.support.build import LIFETIMES, open_account, open_session
from tests.support.house import House

ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]


@dataclass
class MemoryWeb:
    """The web as the provider sees it: every post is kept; ``status`` by address, 200 else."""

    posts: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, WebAnswer] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, url: str, *, accept: str, most: int = 65536) -> WebAnswer:
        raise PortUnavailable("web", f"{url} {accept} {most}")

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], most: int = 65536
    ) -> WebAnswer:
        del most
        with self.lock:
            self.posts.append((url, body, dict(headers)))
        if url in self.down:
            raise PortUnavailable("web", "ConnectError")
        return self.answers.get(url, WebAnswer(200, b"", ""))

    def says(self, url: str, status: int, body: bytes = b"") -> None:
        self.answers[url] = WebAnswer(status, body, "application/json")

    def logout_tokens(self, url: str) -> list[str]:
        return [
            parse_qs(body.decode())["logout_token"][0] for to, body, _ in self.posts if to == url
        ]


def build_courier(house: House, web: MemoryWeb) -> Courier:
    """The worker's courier, with that web."""
    return couriers.build(house.base, web)


def read(house: House, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, verified by another library against the published keys."""
    jwks = KeySet.import_key_set(house.app.test_client().get("/jwks").get_json())
    header = jws.extract_compact(token.encode()).headers()
    with warnings.catch_warnings():
        # RFC 9864 renames EdDSA; relying parties know the old name.
        warnings.simplefilter("ignore", SecurityWarning)
        return dict(header), jwt.decode(token, jwks, algorithms=ALGORITHMS).claims


def open_signed_in(house: House, **changes: Any) -> tuple[UUID, UUID]:
    """Somebody with an account and a session, made without pages."""
    account_id = open_account(house.database, **changes)
    session_id, _ = open_session(house.database, account_id)
    return account_id, session_id


def gets_tokens(
    house: House, client_id: str, session_id: UUID, *, sid: str = "sid-1", is_offline: bool = False
) -> UUID:
    """A portal redeems a code in that session."""
    now = house.clock()
    data = GrantData("sub", sid, ("openid",), (), (), "ial2", ("pwd",), int(now.timestamp()))
    grant = NewGrant(
        uuid7(now), client_id, session_id, data_to_text(data), is_offline, now + LIFETIMES.absolute
    )
    assert GrantStore(house.database, house.base.vault).redeem(grant, now=now)
    return grant.id


def at_once(*works: Any) -> list[Any]:
    """Different things in parallel."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def client_of(house: House, client_id: str) -> Client:
    """A registered client as the protocol sees it."""
    found = house.app.extensions["idp.house"].clients.find(client_id)
    assert isinstance(found, Client)
    return found
