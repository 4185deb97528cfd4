"""The endpoints that programs call, as functions of a ``Call``; HTTP is in ``idp.web.oidc``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from idp.domain.clients import Client, GrantType
from idp.domain.errors import PortUnavailable
from idp.metrics import PROTOCOL_ERRORS, TOKENS, Meter
from idp.oidc import implicit, interaction, metadata, revocation
from idp.oidc.authorization import AuthorizationRequest
from idp.oidc.calls import FORM_TYPE, NO_STORE, Call, Reply, read_form
from idp.oidc.client_auth import Authenticator
from idp.oidc.decision import Ready
from idp.oidc.decryption import published
from idp.oidc.encryption import NESTED
from idp.oidc.errors import (
    InvalidDpopProofError,
    InvalidRequestError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
    UseDpopNonceError,
)
from idp.oidc.federation.entrance import Entrance
from idp.oidc.grants import client_credentials, code, refresh
from idp.oidc.grants.answer import GrantTools, TokenAnswer, TokenRequest
from idp.oidc.introspection import Introspection
from idp.oidc.proof import ALGORITHMS, Binding, Proofs
from idp.oidc.request_objects import RequestObjects
from idp.oidc.response_types import Offered
from idp.oidc.tokens import Tokens, data_from_text, grant_of
from idp.ports import Clock
from idp.storage.clients import ClientStore
from idp.storage.grants import GrantStore

_encode = msgspec.json.Encoder().encode
_JSON, _JWT = "application/json", "application/jwt"
Grant = Callable[[GrantTools, TokenRequest], TokenAnswer]
GRANTS: Mapping[str, Grant] = {
    GrantType.AUTHORIZATION_CODE: code.redeem,
    GrantType.REFRESH_TOKEN: refresh.refresh,
    GrantType.CLIENT_CREDENTIALS: client_credentials.issue,
}
_DPOP_ALGS = " ".join(ALGORITHMS)
_BEARER_STATUS: Final = {"invalid_request": 400, "insufficient_scope": 403}
"""RFC 6750, 3.1; everything else is 401."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The protocol. ``grants_by_name`` may be extended by what a grant needs beside the tools.

    ``more`` are the endpoints of optional parts, by path.
    """

    issuer: str
    tools: GrantTools
    clients: ClientStore[Client]
    clock: Clock
    authenticator: Authenticator
    proofs: Proofs
    requests: RequestObjects
    introspection: Introspection
    features: metadata.Features
    grants_by_name: Mapping[str, Grant] = field(default_factory=lambda: dict(GRANTS))
    entrance: Entrance | None = None
    more: Mapping[str, Callable[[Call], Reply]] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)

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
        return metadata.document(self.issuer, self.features)

    @property
    def jwks(self) -> bytes:
        """Our public keys: those that sign, and those to encrypt for."""
        return published(self.tokens.keys.jwks, self.requests.decryption.keys.jwks)

    # --- the authorization endpoint -------------------------------------------------------------

    @property
    def response_types(self) -> Offered:
        """What the authorization endpoint answers with here."""
        return self.features.response_types

    def check_answerable(self, client: Client, asked: AuthorizationRequest) -> None:
        """Refuse before a person is asked. Raises ``AuthorizationError``."""
        if asked.response_type.is_implicit:
            implicit.check(self.tools, client, asked)

    def authorized(
        self, client: Client, asked: AuthorizationRequest, ready: Ready, *, now: datetime
    ) -> dict[str, str]:
        """What a client gets that may have it: a code, or tokens (RFC 6749, 4.1.2; Core, 3.2.2.5).

        Raises ``AuthorizationError``.
        """
        if not asked.response_type.is_implicit:
            return {"code": self.tokens.new_code(client, asked, ready, now=now)}
        answer = implicit.answer(self.tools, client, asked, ready, now=now)
        self.meter.count(TOKENS, GrantType.IMPLICIT)
        return answer

    # --- endpoints ------------------------------------------------------------------------------

    def token(self, call: Call) -> Reply:
        """The token endpoint (RFC 6749, 3.2)."""
        return self.guarded(self._token, call)

    def push(self, call: Call) -> Reply:
        """The pushed authorization request endpoint (RFC 9126)."""
        return self.guarded(lambda each: self.requests.push(each, now=self.clock()), call)

    def introspect(self, call: Call) -> Reply:
        """The introspection endpoint (RFC 7662)."""
        return self.guarded(self._introspect, call)

    def revoke(self, call: Call) -> Reply:
        """The revocation endpoint (RFC 7009)."""
        return self.guarded(self._revoke, call)

    def userinfo(self, call: Call) -> Reply:
        """The userinfo endpoint (OpenID Connect Core, 5.3), protected as RFC 6750, 9449, 8705."""
        try:
            reply = self._userinfo(call)
        except (InvalidDpopProofError, UseDpopNonceError) as error:
            reply = self._bearer_refusal(error.error, is_dpop=True)
        return interaction.named(call, reply)

    def guarded(self, work: Callable[[Call], Reply], call: Call) -> Reply:
        """``work``, its errors as the protocol tells them (RFC 6749, 5.2)."""
        try:
            return work(call)
        except OAuth2Error as error:
            self.meter.count(PROTOCOL_ERRORS, call.path.rpartition("/")[2], error.error)
            return self._refusal(error)
        except PortUnavailable:
            return Reply(503, _encode({"error": "temporarily_unavailable"}))

    # --- work -----------------------------------------------------------------------------------

    def _token(self, call: Call) -> Reply:
        form, now = read_form(call), self.clock()
        client = self.authenticator.authenticate(call, form, now=now)
        grant = self._grant(client, form.get("grant_type"))
        binding = self.proofs.bind(call, client, now=now)
        answer = grant(self.tools, TokenRequest(client, form, now, binding))
        self.meter.count(TOKENS, form["grant_type"])
        return Reply(200, _encode(answer))

    def _grant(self, client: Client, name: str | None) -> Grant:
        if name is None:
            raise InvalidRequestError("grant_type is missing")
        if name not in self.grants_by_name:
            raise UnsupportedGrantTypeError("unknown")
        if name not in client.grant_types:
            raise UnauthorizedClientError("the client may not use this grant")
        self.tools.encryption.check(client)
        return self.grants_by_name[name]

    def _introspect(self, call: Call) -> Reply:
        form, now = read_form(call), self.clock()
        client = self.authenticator.authenticate(call, form, now=now)
        if client.is_public:
            raise UnauthorizedClientError("a public client may not introspect")
        return self.introspection.answer(client, call, form, now=now)

    def _revoke(self, call: Call) -> Reply:
        form, now = read_form(call), self.clock()
        client = self.authenticator.authenticate(call, form, now=now)
        revocation.revoke(self.tools, client, form, now=now)
        return Reply(200, b"")

    def _userinfo(self, call: Call) -> Reply:
        now = self.clock()
        try:
            scheme, token = _presented(call)
        except InvalidRequestError:
            return self._bearer_refusal("invalid_request")
        if not token:
            return self._bearer_refusal("")
        found = self.tokens.read_access_token(token, now=int(now.timestamp()))
        grant_id = grant_of(found) if found else None
        if found is None or grant_id is None or found.get("aud") != self.issuer:
            return self._bearer_refusal("invalid_token")
        if not self._is_holder(call, found, scheme, token, now):
            return self._bearer_refusal("invalid_token", is_dpop="jkt" in found.get("cnf", {}))
        if "openid" not in str(found.get("scope", "")).split():
            return self._bearer_refusal("insufficient_scope")
        return self._claims(grant_id, str(found["scope"]).split(), now)

    def _is_holder(
        self, call: Call, found: dict[str, Any], scheme: str, token: str, now: datetime
    ) -> bool:
        """Whether the caller has the key that the token is bound to."""
        cnf = found.get("cnf", {})
        if not cnf and scheme == "bearer" and not call.dpop:
            return True
        binding = Binding(cnf.get("jkt", ""), cnf.get("x5t#S256", ""))
        is_right = scheme == binding.token_type.lower()
        return is_right and self.proofs.holds(binding, call, token, now=now)

    def _claims(self, grant_id: UUID, scope: list[str], now: datetime) -> Reply:
        subject = self.grants.subject(grant_id, now=now)
        client = self.clients.find(subject.client_id) if subject else None
        if subject is None or client is None:
            return self._bearer_refusal("invalid_token")
        data = data_from_text(subject.request_json)
        answer = {"sub": data.sub, **self.tools.release.userinfo(client, subject, data, scope, now)}
        try:
            return self._userinfo_reply(client, answer)
        except OAuth2Error as error:
            return self._refusal(error)

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

    # --- refusals -------------------------------------------------------------------------------

    def _refusal(self, error: OAuth2Error) -> Reply:
        """RFC 6749, 5.2. The description is ours: ASCII, without anything that was sent."""
        body = {"error": error.error}
        if error.description:
            body["error_description"] = str(error.description)
        headers = {**NO_STORE, **self._nonce(error.error)}
        if getattr(error, "used_header", False):
            headers["WWW-Authenticate"] = 'Basic realm="token", charset="UTF-8"'
        return Reply(error.status_code or 400, _encode(body), headers=headers)

    def _bearer_refusal(self, error: str, *, is_dpop: bool = False) -> Reply:
        """RFC 6750, 3: without a token, no error code. RFC 9449, 7.1: the algorithms we take."""
        status = _BEARER_STATUS.get(error, 401)
        about = f'realm="userinfo", error="{error}"' if error else 'realm="userinfo"'
        about += ', scope="openid"' if error == "insufficient_scope" else ""
        challenge = f'DPoP {about}, algs="{_DPOP_ALGS}"' if is_dpop else f"Bearer {about}"
        headers = {**NO_STORE, "WWW-Authenticate": challenge, **self._nonce(error)}
        return Reply(status, _encode({"error": error or "invalid_token"}), headers=headers)

    def _nonce(self, error: str) -> dict[str, str]:
        if error != UseDpopNonceError.error:
            return {}
        return {"DPoP-Nonce": self.proofs.nonce(now=self.clock()) or ""}


def _presented(call: Call) -> tuple[str, str]:
    """Scheme and token, from the header or a form's body; never the address (RFC 9700, 4.3.2).

    Raises ``InvalidRequestError`` for a token in both (RFC 6750, 2), or in a body that is no form.
    """
    is_form = call.method == "POST" and call.content_type.lower().startswith(FORM_TYPE)
    posted = read_form(call).get("access_token", "") if is_form else ""
    if not call.authorization:
        return "bearer", posted
    scheme, _, token = call.authorization.partition(" ")
    if scheme.lower() not in {"bearer", "dpop"}:
        return "", ""
    if posted:
        raise InvalidRequestError("the token stands in two places")
    return scheme.lower(), token.strip()
