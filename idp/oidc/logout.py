"""Telling portals that a session ended (OpenID Connect Back-Channel Logout 1.0; Front-Channel 1.0).

The token is made when it is sent, so it is fresh however long the portal was away; the same client
always gets the same ``sub`` and ``sid`` as in its ID tokens.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from idp.domain.clients import Client, Metadata
from idp.domain.errors import PortUnavailable
from idp.oidc.encryption import Encryption
from idp.oidc.errors import OAuth2Error
from idp.oidc.tokens import Tokens
from idp.ports import WebClient

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
TYPE: Final = "logout+jwt"
_LIVES_SECONDS = 120
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_RECEIVED = frozenset({200, 204})
_REFUSED = 400


@dataclass(frozen=True, slots=True)
class Sent:
    """How one try went; only what is not final is tried again."""

    outcome: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class BackChannel:
    """Sends logout tokens."""

    tokens: Tokens
    find_client: Callable[[str], Client | None]
    build_client: Callable[[Metadata, bytes | None], Client]
    web: WebClient
    encryption: Encryption

    def send(self, job: Mapping[str, str], *, now: int) -> Sent:
        """Tell one portal of one session (section 2.5)."""
        client = self._client(job)
        if client is None or not client.backchannel_logout_uri:
            return Sent("nobody to tell", is_final=True)
        token = logout_token(
            self.tokens, client, UUID(hex=job["account_id"]), job.get("sid", ""), now=now
        )
        try:
            # Encrypted as the client's ID tokens are: it may not take another one (2.4, 2.6).
            token = self.encryption.id_token(client, token)
        except OAuth2Error as error:
            return Sent(f"not encrypted ({error.error})", is_final=False)
        body = urlencode({"logout_token": token}).encode()
        try:
            answer = self.web.post(client.backchannel_logout_uri, body, headers=_FORM)
        except PortUnavailable as error:
            return Sent(f"no answer ({error})", is_final=False)
        if answer.status in _RECEIVED:
            return Sent("delivered", is_final=True)
        return Sent(f"answered {answer.status}", is_final=answer.status == _REFUSED)

    def _client(self, job: Mapping[str, str]) -> Client | None:
        """The client as it is now; one that is gone as it was."""
        if "metadata" in job:
            return self.build_client(msgspec.json.decode(job["metadata"]), None)
        return self.find_client(job["client_id"])


def logout_token(tokens: Tokens, client: Client, account_id: UUID, sid: str, *, now: int) -> str:
    """Section 2.4: ``sub`` and ``sid``, the one event, never a nonce."""
    claims = {
        "iss": tokens.issuer,
        "aud": client.client_id,
        "iat": now,
        "exp": now + _LIVES_SECONDS,
        "jti": secrets.token_urlsafe(16),
        "sub": tokens.subject(client, account_id),
        "events": {EVENT: {}},
    }
    if sid:
        claims["sid"] = sid
    return tokens.keys.sign(client.id_token_signed_response_alg, TYPE, claims)


def frontchannel_url(client: Client, issuer: str, sid: str) -> str:
    """What the browser loads to end the portal's own session (Front-Channel Logout 1.0, 2)."""
    uri = client.frontchannel_logout_uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'iss': issuer, 'sid': sid})}"
