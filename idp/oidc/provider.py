"""The endpoints that programs call, as functions of bytes; ``idp.web.oidc`` puts HTTP around."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from idp.domain.clients import Client, GrantType
from idp.oidc import metadata
from idp.oidc.client_auth import authenticate, read_form
from idp.oidc.encryption import NESTED
from idp.oidc.errors import (
    InvalidRequestError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from idp.oidc.grants import client_credentials, code, refresh
from idp.oidc.grants.answer import GrantTools, TokenAnswer
from idp.oidc.tokens import Tokens, data_from_text
from idp.ports import Clock
from idp.storage.clients import ClientStore
from idp.storage.grants import GrantStore

_encode = msgspec.json.Encoder().encode
_JSON, _JWT = "application/json", "application/jwt"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_GRANTS: Mapping[str, Callable[..., TokenAnswer]] = {
    GrantType.AUTHORIZATION_CODE: code.redeem,
    GrantType.REFRESH_TOKEN: refresh.refresh,
    GrantType.CLIENT_CREDENTIALS: client_credentials.issue,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a program."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=lambda: dict(_NO_STORE))


@dataclass(frozen=True, slots=True)
class Provider:
    """The protocol."""

    issuer: str
    tools: GrantTools
    clients: ClientStore[Client]
    clock: Clock

    @property
    def tokens(self) -> Tokens:
        """Makes and reads every code and token."""
        return self.tools.tokens

    @property
    def grants(self) -> GrantStore:
        """The grants."""
        return self.tools.grants

    def discovery(self) -> bytes:
        """The discovery document."""
        return metadata.document(self.issuer)

    def token(self, body: bytes, content_type: str, authorization: str | None) -> Reply:
        """The token endpoint (RFC 6749, 3.2)."""
        try:
            form = read_form(body, content_type)
            client = authenticate(authorization, form, self.clients.find)
            return Reply(200, _encode(self._grant(client, form)))
        except OAuth2Error as error:
            return _refusal(error)

    def _grant(self, client: Client, form: Mapping[str, str]) -> TokenAnswer:
        name = form.get("grant_type")
        if name is None:
            raise InvalidRequestError("grant_type is missing")
        if name not in _GRANTS:
            raise UnsupportedGrantTypeError("unknown")
        if name not in client.grant_types:
            raise UnauthorizedClientError("the client may not use this grant")
        self.tools.encryption.check(client)
        return _GRANTS[name](self.tools, client, form, now=self.clock())

    def userinfo(self, token: str | None) -> Reply:
        """The userinfo endpoint (OpenID Connect Core, 5.3)."""
        now = self.clock()
        if not token:
            return _bearer_refusal("")
        found = self.tokens.read_access_token(token, now=int(now.timestamp()))
        grant_id = _grant_id(found.get("jti")) if found else None
        if found is None or grant_id is None:
            return _bearer_refusal("invalid_token")
        if "openid" not in str(found.get("scope", "")).split():
            return _bearer_refusal("insufficient_scope")
        return self._userinfo(grant_id, str(found["scope"]).split(), now)

    def _userinfo(self, grant_id: UUID, scope: list[str], now: datetime) -> Reply:
        subject = self.grants.subject(grant_id, now=now)
        client = self.clients.find(subject.client_id) if subject else None
        if subject is None or client is None:
            return _bearer_refusal("invalid_token")
        data = data_from_text(subject.request_json)
        answer = {"sub": data.sub, **self.tools.release.userinfo(client, subject, data, scope, now)}
        try:
            return self._userinfo_reply(client, answer)
        except OAuth2Error as error:
            return _refusal(error)

    def _userinfo_reply(self, client: Client, answer: Mapping[str, Any]) -> Reply:
        """Plain, signed, encrypted, or signed and then encrypted (Core, 5.3.2)."""
        contents, cty, alg = _encode(answer), "", client.userinfo_signed_response_alg
        if alg is not None:
            about = {"iss": self.issuer, "aud": client.client_id}
            contents, cty = self.tokens.keys.sign(alg, "JWT", {**answer, **about}).encode(), NESTED
        encrypted = self.tools.encryption.userinfo(client, contents, cty=cty)
        if encrypted is not None:
            return Reply(200, encrypted.encode(), _JWT)
        return Reply(200, contents, _JWT if alg else _JSON)


def _grant_id(jti: object) -> UUID | None:
    try:
        return UUID(hex=str(jti).partition(".")[0])
    except ValueError:
        return None


def _refusal(error: OAuth2Error) -> Reply:
    """RFC 6749, 5.2. The description is ours: ASCII, without anything that was sent."""
    body = {"error": error.error}
    if error.description:
        body["error_description"] = str(error.description)
    headers = dict(_NO_STORE)
    if getattr(error, "used_header", False):
        headers["WWW-Authenticate"] = 'Basic realm="token", charset="UTF-8"'
    return Reply(error.status_code or 400, _encode(body), headers=headers)


def _bearer_refusal(error: str) -> Reply:
    """RFC 6750, 3: without a token, no error code."""
    status = 403 if error == "insufficient_scope" else 401
    challenge = f'Bearer realm="userinfo", error="{error}"' if error else 'Bearer realm="userinfo"'
    headers = {**_NO_STORE, "WWW-Authenticate": challenge}
    return Reply(status, _encode({"error": error or "invalid_token"}), headers=headers)
