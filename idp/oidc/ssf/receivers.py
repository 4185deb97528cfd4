"""Who manages or polls a stream: a client with a token of its own, and what it is answered.

A client reaches its own streams only: one of another client does not exist for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec

from idp.domain.clients import Client
from idp.oidc.calls import Call, Reply
from idp.oidc.errors import InvalidDpopProofError, UseDpopNonceError
from idp.oidc.proof import Binding, Proofs
from idp.oidc.ssf.requests import SsfError
from idp.oidc.tokens import Tokens
from idp.ports import Clock
from idp.storage.streams import Stream, StreamStore

MANAGE: Final = frozenset({"ssf.manage"})
READ: Final = frozenset({"ssf.manage", "ssf.read"})
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Receivers:
    """The clients that receive events."""

    tokens: Tokens
    proofs: Proofs
    find_client: Callable[[str], Client | None]
    streams: StreamStore
    clock: Clock

    def client(self, call: Call, scopes: frozenset[str]) -> Client:
        """The client that calls. Raises ``SsfError`` (RFC 6750, 3.1)."""
        return self.caller(call, scopes)[0]

    def caller(self, call: Call, scopes: frozenset[str]) -> tuple[Client, frozenset[str]]:
        """The client of a token of its own, and what the token is for. Raises ``SsfError``."""
        if not call.authorization:
            raise SsfError(401, "")
        found = self._read_token(call)
        client = self.find_client(str(found["client_id"])) if found else None
        if found is None or client is None:
            raise SsfError(401, "invalid_token")
        granted = frozenset(str(found.get("scope", "")).split())
        if not scopes & granted:
            raise SsfError(403, "insufficient_scope")
        return client, granted

    def _read_token(self, call: Call) -> dict[str, Any] | None:
        """A person's token manages nothing; one that is bound to a key comes with its proof."""
        now = self.clock()
        scheme, _, token = (call.authorization or "").partition(" ")
        token = token.strip()
        found = self.tokens.read_access_token(token, now=int(now.timestamp()))
        issuer = self.tokens.issuer
        if found is None or found.get("aud") != issuer or found["sub"] != found["client_id"]:
            return None
        cnf = found.get("cnf", {})
        binding = Binding(cnf.get("jkt", ""), cnf.get("x5t#S256", ""))
        if scheme.lower() != binding.token_type.lower():
            return None
        try:
            return found if self.proofs.holds(binding, call, token, now=now) else None
        except (InvalidDpopProofError, UseDpopNonceError) as error:
            raise SsfError(401, error.error) from error

    def stream(self, client: Client, stream_id: str) -> Stream:
        """The client's own stream, noted as in use. Raises ``SsfError``."""
        found = read_id(stream_id)
        stream = self.streams.find(client.client_id, found) if found else None
        if stream is None:
            raise unknown()
        self.streams.touch(client.client_id, stream.id, now=self.clock())
        return stream


def read_id(text: str | None) -> UUID | None:
    """An id as we wrote it, or nothing."""
    try:
        return UUID(hex=text) if text and len(text) <= 36 else None  # noqa: PLR2004  the longest form
    except ValueError:
        return None


def unknown() -> SsfError:
    """What is not the client's own does not exist for it."""
    return SsfError(404, "not_found", "the client has no such stream")


def reply(content: object, status: int = 200) -> Reply:
    """An answer of JSON."""
    return Reply(status, _encode(content))


def empty(status: int) -> Reply:
    """An answer that says all by its status."""
    return Reply(status, b"")
