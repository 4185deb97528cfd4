"""The backchannel authentication endpoint (OpenID Connect CIBA Core, 7; FAPI-CIBA, 5.2.2).

A confidential client names a person by exactly one hint:

    login_hint       ``sub`` as this client knows it, or a number of the identity card where the
                     client may see such numbers anyway (scope ``identity``): ``urn:vn:cccd:<12>``,
                     ``urn:vn:cmnd:<9>``, or the digits alone. Phone numbers name nobody: several
                     accounts may have the same (R46).
    id_token_hint    an ID token of ours for this client, also an expired one

``login_hint_token`` is not supported: nobody issues any. ``unknown_user_id`` is told about a
``sub`` only, which is no secret of the person; a number that nobody has waits until it expires, as
one whose owner does not look (CIBA Core, 13 and 15).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from idp.config import Oidc
from idp.domain.clients import Client, GrantType, Profile, SigningAlg, TokenDelivery
from idp.domain.decoupled import Ping, is_message
from idp.domain.errors import InvalidInput
from idp.domain.subjects import IdNumber
from idp.flows.decoupled_asking import Asking
from idp.oidc import asked, assertions
from idp.oidc.calls import NO_STORE, Call, Reply, read_form
from idp.oidc.client_auth import SAFE_ALGS, Authenticator
from idp.oidc.client_keys import ClientKeys, type_of
from idp.oidc.errors import (
    DeniedError,
    InvalidBindingMessageError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
    UnknownUserIdError,
)
from idp.oidc.tokens import Tokens
from idp.ports import Clock
from idp.storage.known_subjects import KnownSubjects
from idp.storage.single_use import SingleUse

PATH = "/bc-authorize"
_HINTS: Final = ("login_hint", "login_hint_token", "id_token_hint")
_AUTHENTICATION: Final = frozenset(
    {"client_id", "client_secret", "client_assertion", "client_assertion_type", "request"}
)
_ABOUT_THE_JWT: Final = ("iss", "aud", "exp", "iat", "nbf", "jti")
_TYPES: Final = frozenset({"jwt", "oauth-authz-req+jwt"})
"""RFC 8725, 3.11: no JWT that says it is something else; some libraries write the second."""
_LONGEST_LIFE, _SHORTEST_EXPIRY, _LONGEST_EXPIRY = 3600, 30, 600
_NOTIFICATION_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{22,1024}=*")
"""RFC 6750, 2.1: at least 128 bits (22 characters of base64), at most 1024 (CIBA Core, 7.1)."""

_NUMBER = re.compile(r"(?:urn:vn:(?:cccd|cmnd):)?([0-9]{12}|[0-9]{9})")
_LONGEST_HINT = 8192


@dataclass(frozen=True, slots=True)
class Ciba:
    """Answers clients that want to ask somebody."""

    issuer: str
    settings: Oidc
    authenticator: Authenticator
    keys: ClientKeys
    single_use: SingleUse
    tokens: Tokens
    subjects: KnownSubjects
    asking: Asking
    clock: Clock

    def answer(self, call: Call) -> Reply:
        """Begin. Raises ``OAuth2Error``; the checks stand in their order."""
        form, now = read_form(call), self.clock()
        client = self.authenticator.authenticate(call, form, now=now)
        if client.is_public or GrantType.CIBA not in client.grant_types:
            raise UnauthorizedClientError("the client may not use this grant")
        params = self._params(client, form, now=now)
        if "openid" not in params.get("scope", "").split():
            raise InvalidScopeError("scope must contain openid")
        request = msgspec.structs.replace(
            asked.read(client, params, ip=call.address), message=_message(params)
        )
        name = self.asking.store.new_name(now=now)
        request = msgspec.structs.replace(request, ping=_ping(client, params, name))
        ttl = _ttl(params, self.settings.ciba_ttl)
        account_id = self._account(client, params, now=now)
        code = self.asking.begin_ciba(
            request,
            account_id,
            name,
            ttl=timedelta(seconds=ttl),
            interval=timedelta(seconds=self.settings.poll_interval),
            now=now,
        )
        body = {
            "auth_req_id": name,
            "expires_in": ttl,
            "interval": self.settings.poll_interval,
            "verification_code": code,
        }
        return Reply(200, json.dumps(body).encode(), headers=dict(NO_STORE))

    # --- the signed request ---------------------------------------------------------------------

    def _params(
        self, client: Client, form: Mapping[str, str], *, now: datetime
    ) -> Mapping[str, str]:
        """The parameters, or those of the signed request: then none stands beside it (7.1.1)."""
        plain = {name: value for name, value in form.items() if name not in _AUTHENTICATION}
        token = form.get("request", "")
        must_sign = client.backchannel_authentication_request_signing_alg is not None
        if not token:
            if must_sign or client.profile is Profile.FAPI2:
                raise InvalidRequestError("this client must sign its requests")
            return plain
        if plain:
            raise InvalidRequestError("a signed request has its parameters inside")
        return self._open(client, token, now=now)

    def _open(self, client: Client, token: str, *, now: datetime) -> Mapping[str, str]:
        """7.1.1: signed by the client, for us, now, once; every one of these claims is required."""
        signed = self.keys.verify(client, token, _algorithms(client))
        if signed is None:
            raise InvalidRequestError("the request is not signed by the client")
        if type_of(signed.header) not in _TYPES or signed.claims.get("sub") == client.client_id:
            raise InvalidRequestError("the request is a JWT of another kind")
        claims = signed.claims
        missing = [name for name in _ABOUT_THE_JWT if name not in claims]
        if missing:
            raise InvalidRequestError(f"the signed request lacks {missing[0]}")
        if claims["iss"] != client.client_id or not assertions.is_for(claims, (self.issuer,)):
            raise InvalidRequestError("iss or aud of the signed request is another one")
        seconds = int(now.timestamp())
        times = assertions.read_times(claims, now=seconds, longest=_LONGEST_LIFE)
        key = assertions.once(claims, client.client_id)
        is_long = times is None or times.begins is None or times.expires - times.begins > _MOST
        if times is None or key is None or is_long:
            raise InvalidRequestError("the signed request is not valid at this time")
        until = assertions.kept_until(times.expires)
        if not self.single_use.spend("ciba_request", key, expires_at=until):
            raise InvalidRequestError("the signed request was used before")
        return {
            name: _as_parameter(name, value)
            for name, value in claims.items()
            if name not in {*_ABOUT_THE_JWT, *_AUTHENTICATION} and value is not None
        }

    # --- the person -----------------------------------------------------------------------------

    def _account(self, client: Client, params: Mapping[str, str], *, now: datetime) -> UUID:
        """Whom the one hint names; an id that no account has, where nobody has the number.

        The client is not told, not even by how long the answer takes.
        """
        named = [name for name in _HINTS if name in params]
        if len(named) != 1:
            raise InvalidRequestError("exactly one hint is needed")
        hint = params[named[0]]
        if named[0] == "login_hint_token":
            raise InvalidRequestError("login_hint_token is not supported")
        if len(hint) > _LONGEST_HINT:
            raise InvalidRequestError("the hint is too long")
        number = _NUMBER.fullmatch(hint) if named[0] == "login_hint" else None
        if number is None:
            return self._by_sub(client, named[0], hint, now=now)
        if "identity" not in client.scope:
            raise UnauthorizedClientError("the client may not name people by their numbers")
        self._count(client, number[1], now=now)
        try:
            found = self.asking.accounts.find_by_id_number(IdNumber.parse(number[1]))
        except InvalidInput:
            found = None
        nobody = UUID(bytes=hashlib.sha256(number[1].encode()).digest()[:16])
        return found.id if found else nobody

    def _by_sub(self, client: Client, name: str, hint: str, *, now: datetime) -> UUID:
        sub: Any = hint
        if name == "id_token_hint":
            claims = self.tokens.read_id_token_hint(hint)
            if claims is None or claims.get("aud") != client.client_id:
                raise InvalidRequestError("id_token_hint is not an ID token of this client")
            sub = claims.get("sub")
        self._count(client, str(sub), now=now)
        found = self.subjects.find(client.client_id, str(sub))
        if found is None or self.tokens.subject(client, found) != sub:
            raise UnknownUserIdError("the hint names nobody whom this client knows")
        return found

    def _count(self, client: Client, hint: str, *, now: datetime) -> None:
        """Nobody's phone rings all day; counted by the hint, whether or not somebody has it."""
        if not self.asking.limits.before_hint(hint, client.client_id, now=now):
            raise DeniedError("too many requests for this person", status_code=403)


_MOST = 3600 + assertions.SKEW


def _algorithms(client: Client) -> frozenset[SigningAlg]:
    registered = client.backchannel_authentication_request_signing_alg
    if registered is not None:
        return frozenset({registered})
    return SAFE_ALGS if client.profile is Profile.FAPI2 else frozenset(SigningAlg)


def _as_parameter(name: str, value: object) -> str:
    """A member of the signed request as the parameter that it stands for (7.1.1)."""
    if isinstance(value, str):
        return value
    if name == "requested_expiry" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "resource" and isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return " ".join(value)
    elif name not in _TEXTS:
        return json.dumps(value)
    raise InvalidRequestError(f"{name} has the wrong type")


_TEXTS: Final = frozenset(
    {"scope", "acr_values", "binding_message", "user_code", "client_notification_token"}
    | {"requested_expiry", "resource", *_HINTS}
)


def _message(params: Mapping[str, str]) -> str:
    message = params.get("binding_message", "")
    if "binding_message" in params and not is_message(message):
        raise InvalidBindingMessageError("binding_message must be short and plain")
    return message


def _ping(client: Client, params: Mapping[str, str], auth_req_id: str) -> Ping | None:
    """7.1: required of a client in ping mode, useless otherwise."""
    if client.backchannel_token_delivery_mode is not TokenDelivery.PING:
        return None
    token = params.get("client_notification_token", "")
    if not _NOTIFICATION_TOKEN.fullmatch(token) or len(token) > _LONGEST_TOKEN:
        raise InvalidRequestError("client_notification_token is missing or no bearer token")
    return Ping(client.backchannel_client_notification_endpoint, token, auth_req_id)


_LONGEST_TOKEN = 1024


def _ttl(params: Mapping[str, str], usual: int) -> int:
    """7.1: a positive integer; we keep to what a person and a phone need."""
    text = params.get("requested_expiry")
    if text is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise InvalidRequestError("requested_expiry is no positive number")
    return min(_LONGEST_EXPIRY, max(_SHORTEST_EXPIRY, int(text)))


FEATURES: Final[Mapping[str, Any]] = {
    "backchannel_token_delivery_modes_supported": [mode.value for mode in TokenDelivery],
    "backchannel_authentication_request_signing_alg_values_supported": [
        alg.value for alg in SigningAlg
    ],
    "backchannel_user_code_parameter_supported": False,
}
"""CIBA Core, 4: members of the discovery document."""
