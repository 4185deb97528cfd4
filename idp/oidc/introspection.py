"""What a resource server is told about a token (RFC 7662; as a JWT, RFC 9701).

Asked by an authenticated client that a token was issued to, or that serves the resource a token is
for; everybody else hears ``active: false``, and nothing more. So does everybody about a token whose
client was disabled. A grant that was good is taken for good for two seconds, so a busy resource
server costs no statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from idp.domain.clients import Client
from idp.oidc.calls import NO_STORE, Call, Reply
from idp.oidc.encryption import Encryption
from idp.oidc.errors import InvalidRequestError
from idp.oidc.tokens import Tokens, data_from_text, grant_of
from idp.storage.grants import Alive, GrantStore

JWT_TYPE = "token-introspection+jwt"
_INACTIVE: Mapping[str, Any] = {"active": False}
_TOLD = ("iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "auth_time", "acr", "cnf")
_MEMORY_SECONDS, _MOST = 2.0, 20_000
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Introspection:
    """Answers about tokens."""

    tokens: Tokens
    grants: GrantStore
    encryption: Encryption
    find_client: Callable[[str], Client | None]
    timer: Callable[[], float] = time.monotonic
    _good: dict[UUID, float] = field(default_factory=dict)

    def answer(
        self, client: Client, call: Call, form: Mapping[str, str], *, now: datetime
    ) -> Reply:
        """What ``client`` may know. Raises ``InvalidRequestError``, ``OAuth2Error``."""
        token = form.get("token")
        if token is None:
            raise InvalidRequestError("token is missing")
        about = self._of_access_token(client, token, now) or self._of_refresh_token(
            client, token, now
        )
        if f"application/{JWT_TYPE}" not in call.accept.lower():
            return Reply(200, _encode(about or _INACTIVE))
        claims = {
            "iss": self.tokens.issuer,
            "aud": client.client_id,
            "iat": int(now.timestamp()),
            "token_introspection": about or _INACTIVE,
        }
        signed = self.tokens.keys.sign(client.introspection_signed_response_alg, JWT_TYPE, claims)
        told = self.encryption.introspection(client, signed)
        return Reply(200, told.encode(), f"application/{JWT_TYPE}", headers=dict(NO_STORE))

    def _of_access_token(
        self, client: Client, token: str, now: datetime
    ) -> Mapping[str, Any] | None:
        claims = self.tokens.read_access_token(token, now=int(now.timestamp()))
        if claims is None or not _may_ask(client, claims):
            return None
        if self.find_client(str(claims.get("client_id", ""))) is None:
            return None
        grant_id = grant_of(claims)
        if grant_id is not None and not self._is_good(grant_id, now):
            return None
        told = {name: claims[name] for name in _TOLD if name in claims}
        kind = "DPoP" if "jkt" in claims.get("cnf", {}) else "Bearer"
        return {"active": True, "token_type": kind, **told}

    def _of_refresh_token(
        self, client: Client, token: str, now: datetime
    ) -> Mapping[str, Any] | None:
        found = self.tokens.read_refresh_token(token)
        alive = self.grants.alive(found.grant_id, now=now) if found else None
        if found is None or alive is None or alive.client_id != client.client_id:
            return None
        return _told(alive, self.tokens.issuer) if alive.counter == found.counter else None

    def _is_good(self, grant_id: UUID, now: datetime) -> bool:
        moment = self.timer()
        if moment - self._good.get(grant_id, float("-inf")) < _MEMORY_SECONDS:
            return True
        if self.grants.alive(grant_id, now=now) is None:
            self._good.pop(grant_id, None)
            return False
        if len(self._good) >= _MOST:
            self._good.clear()
        self._good[grant_id] = moment
        return True


def _may_ask(client: Client, claims: Mapping[str, Any]) -> bool:
    """The client of the token, and whoever serves a resource that it is for (RFC 7662, 4)."""
    named = claims.get("aud", ())
    audience = {named} if isinstance(named, str) else set(named)
    is_own = claims.get("client_id") == client.client_id
    return is_own or bool(audience & set(client.protected_resources))


def _told(alive: Alive, issuer: str) -> Mapping[str, Any]:
    data = data_from_text(alive.request_json)
    return {
        "active": True,
        "iss": issuer,
        "sub": data.sub,
        "client_id": alive.client_id,
        "scope": " ".join(data.scope),
        "exp": int(alive.expires_at.timestamp()),
        "token_type": "refresh_token",
    }
