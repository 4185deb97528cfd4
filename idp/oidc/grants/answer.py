"""What every grant works with and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from idp.config import Oidc
from idp.domain.clients import Client, GrantType
from idp.oidc.encryption import Encryption
from idp.oidc.errors import InvalidTargetError
from idp.oidc.proof import UNBOUND, Binding
from idp.oidc.release import Release
from idp.oidc.tokens import Code, GrantData, RefreshToken, Tokens, data_to_text
from idp.storage.grants import GrantStore, NewGrant

TokenAnswer = Mapping[str, Any]
"""The JSON of RFC 6749, section 5.1."""

Note = Callable[[UUID, str, str], None]
"""Told when a grant was revoked for reuse: its account, client and reason."""

Remember = Callable[[UUID, str], None]
"""Told the grant and ``sub`` of a client that may ask for that person again (CIBA)."""


def _forget(_grant_id: UUID, _sub: str) -> None:
    """For an installation without CIBA."""


class TokenRequest(msgspec.Struct, frozen=True):
    """A token request of an authenticated client; ``binding`` is what it proved to possess."""

    client: Client
    form: Mapping[str, str]
    now: datetime
    binding: Binding = UNBOUND

    @property
    def resource(self) -> tuple[str, ...]:
        """The resources asked for (RFC 8707, 2.2)."""
        return tuple(dict.fromkeys(self.form.get("resource", "").split()))


@dataclass(frozen=True, slots=True)
class GrantTools:
    """What a grant needs."""

    settings: Oidc
    tokens: Tokens
    grants: GrantStore
    note: Note
    release: Release
    encryption: Encryption
    remember: Remember = _forget

    def answer(
        self,
        request: TokenRequest,
        token: RefreshToken,
        data: GrantData,
        *,
        scope: tuple[str, ...],
        nonce: str | None = None,
    ) -> TokenAnswer:
        """Access token, ID token, and a refresh token for a client that may use one."""
        client, grant_id = request.client, token.grant_id
        answer = self.access(request, grant_id, data, scope=scope)
        answer["id_token"] = self.id_token(
            request, grant_id, data, access_token=answer["access_token"], nonce=nonce
        )
        if GrantType.REFRESH_TOKEN in client.grant_types:
            answer["refresh_token"] = self.tokens.refresh_token(token)
        return answer

    def access(
        self, request: TokenRequest, grant_id: UUID, data: GrantData, *, scope: tuple[str, ...]
    ) -> dict[str, Any]:
        """An access token of a grant, and what stands beside it (RFC 6749, 5.1 and 4.2.2)."""
        seconds, resource = int(request.now.timestamp()), resources(request, data)
        token = self.tokens.access_token(
            request.client, grant_id, data, scope, seconds, resource=resource
        )
        return {
            "access_token": token,
            "token_type": data.binding.token_type,
            "expires_in": self.settings.access_token_ttl,
            "scope": " ".join(scope),
        }

    def id_token(
        self,
        request: TokenRequest,
        grant_id: UUID,
        data: GrantData,
        *,
        access_token: str | None,
        nonce: str | None,
    ) -> str:
        """An ID token of a grant as the client wants it, with the claims that it asked for."""
        client, now = request.client, request.now
        asked: dict[str, Any] = {} if nonce is None else {"nonce": nonce}
        if data.asks_id_token:
            asked |= self._claims(client, grant_id, data, now=now)
        token = self.tokens.id_token(
            client, data, access_token=access_token, now=int(now.timestamp()), **asked
        )
        return self.encryption.id_token(client, token)

    def grant(self, code: Code, data: GrantData, *, now: datetime) -> NewGrant:
        """What a code stands for; it lives as long as its refresh tokens would."""
        is_offline = "offline_access" in data.scope
        ttl = self.settings.offline_refresh_ttl if is_offline else self.settings.refresh_ttl
        return NewGrant(
            id=UUID(hex=code.id),
            client_id=code.client_id,
            session_id=UUID(hex=code.session_id),
            request_json=data_to_text(data),
            is_offline=is_offline,
            expires_at=now + timedelta(seconds=ttl),
        )

    def tell(self, client: Client, grant_id: UUID, data: GrantData) -> None:
        """Keep that the client was told whom it may ask for again, if it is one that asks."""
        if GrantType.CIBA in client.grant_types:
            self.remember(grant_id, data.sub)

    def _claims(
        self, client: Client, grant_id: UUID, data: GrantData, *, now: datetime
    ) -> dict[str, Any]:
        """Claims asked for in the ID token by the ``claims`` parameter (Core, 5.5)."""
        found = self.grants.subject(grant_id, now=now)
        return self.release.id_token(client, found, data, now) if found else {}

    def retry(self) -> timedelta:
        """How long a refresh token may be sent again."""
        return timedelta(seconds=self.settings.refresh_retry)


def resources(request: TokenRequest, data: GrantData) -> tuple[str, ...]:
    """Whom the access token is for: some of what was granted, or all of it (RFC 8707, 2.2).

    Raises ``InvalidTargetError``.
    """
    if "resource" not in request.form:
        return data.resource
    granted = data.resource or request.client.resources
    if not set(request.resource) <= set(granted):
        raise InvalidTargetError("the resource was not granted")
    return request.resource or data.resource
