"""Authorization requests that are signed or sent ahead (RFC 9101 JAR, RFC 9126 PAR; Core, 6).

``resolve`` turns whatever came into plain parameters, before anything else is checked:

    request=<JWT>                      the client's signature, its parameters go before ours
    request_uri=urn:ietf:params:...    what the client pushed before; found, not yet used up
    request_uri=https://...            fetched, if the client registered that very address

A request object may be encrypted for us as well (``decryption.py``); what is inside is signed.

``push`` is the other end: a client hands its request over itself, authenticated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from idp.config import Oidc
from idp.domain.clients import Client, Profile, SigningAlg
from idp.domain.errors import PortUnavailable
from idp.oidc import assertions
from idp.oidc.authorization import (
    AuthorizationError,
    AuthorizationRequest,
    Params,
    read,
)
from idp.oidc.calls import NO_STORE, Call, Reply, read_form
from idp.oidc.client_auth import SAFE_ALGS, Authenticator
from idp.oidc.client_keys import ClientKeys, type_of
from idp.oidc.decryption import Decryption, is_encrypted
from idp.oidc.errors import (
    InvalidRequestError,
    InvalidRequestObjectError,
    InvalidRequestUriError,
    NotRedirectable,
)
from idp.oidc.federation import proofs as federation
from idp.oidc.proof import Proofs
from idp.oidc.response_types import offered
from idp.ports import WebClient
from idp.storage.pushed import PushedStore

PUSHED_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
REQUEST_TYPE: Final = "oauth-authz-req+jwt"
_TYPES: Final = frozenset({REQUEST_TYPE, "jwt"})
_LONGEST_LIFE, _LONGEST_OBJECT = 3600, 32768
_NOT_INSIDE: Final = ("request", "request_uri")
_ABOUT_THE_JWT: Final = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
_NUMBERS: Final = frozenset({"max_age"})
_TEXTS: Final = frozenset(
    {"client_id", "redirect_uri", "response_type", "response_mode", "state", "nonce", "scope"}
    | {"prompt", "max_age", "login_hint", "id_token_hint", "ui_locales", "acr_values", "resource"}
    | {"display"}
    | {"code_challenge", "code_challenge_method", "dpop_jkt"}
)
_AUTHENTICATION: Final = ("client_secret", "client_assertion", "client_assertion_type")


class Resolved(msgspec.Struct, frozen=True):
    """Plain parameters, or a request that was checked when it was pushed."""

    params: Params = ()
    pushed: AuthorizationRequest | None = None


@dataclass(frozen=True, slots=True)
class RequestObjects:
    """Reads request objects and keeps pushed requests."""

    issuer: str
    settings: Oidc
    keys: ClientKeys
    web: WebClient
    store: PushedStore
    authenticator: Authenticator
    proofs: Proofs
    decryption: Decryption

    # --- at the authorization endpoint ----------------------------------------------------------

    def resolve(self, client: Client, params: Params, *, now: datetime) -> Resolved:
        """What a client really asks for.

        Raises ``InvalidRequestObjectError``, ``InvalidRequestUriError``, ``InvalidRequestError``.
        """
        values = dict(params)
        if len(values) != len(params):
            names = [name for name, _ in params]
            if any(names.count(name) > 1 for name in _NOT_INSIDE):
                raise InvalidRequestError("a parameter is repeated")
        named, token = values.get("request_uri", ""), values.get("request", "")
        if named and token:
            raise InvalidRequestError("request and request_uri exclude each other")
        if named.startswith(PUSHED_PREFIX):
            return Resolved(pushed=self._find(client, named, now=now))
        if client.require_pushed_authorization_requests:
            raise InvalidRequestError("this client must push its requests")
        if named:
            token = self._fetch(client, named)
        if client.is_automatic and not token:
            raise InvalidRequestError("a portal of a federation signs or pushes its requests")
        return Resolved(self._unfold(client, params, token, now=now))

    def use(self, request: AuthorizationRequest, *, now: datetime) -> bool:
        """Use a pushed request up when its code is made (RFC 9126, 7.3); True for others."""
        return not request.pushed_id or self.store.use(UUID(hex=request.pushed_id), now=now)

    def _find(self, client: Client, name: str, *, now: datetime) -> AuthorizationRequest:
        found = self.store.find(name.removeprefix(PUSHED_PREFIX), client.client_id, now=now)
        if found is None:
            raise InvalidRequestUriError("the pushed request is over, used up or another client's")
        return msgspec.structs.replace(_decode(found.data), pushed_id=found.id.hex)

    def _fetch(self, client: Client, uri: str) -> str:
        """Only what was registered, the fragment apart (OpenID Connect Registration, 2)."""
        registered = {each.partition("#")[0] for each in client.request_uris}
        if uri not in client.request_uris and uri.partition("#")[0] not in registered:
            raise InvalidRequestUriError("request_uri is not registered")
        try:
            answer = self.web.get(
                uri.partition("#")[0], accept=f"application/{REQUEST_TYPE}", most=_LONGEST_OBJECT
            )
            token = answer.body.decode("ascii").strip()
            if answer.status == 200 and token:  # noqa: PLR2004  OK; an empty page signs nothing
                return token
        except (PortUnavailable, UnicodeDecodeError):
            pass
        raise InvalidRequestUriError("request_uri cannot be fetched")

    def _unfold(self, client: Client, params: Params, token: str, *, now: datetime) -> Params:
        """The parameters with those of the object before ours.

        From a client that has to sign, nothing counts that it did not sign (RFC 9101, 6.3).
        """
        if not token:
            if client.require_signed_request_object:
                raise InvalidRequestError("this client must sign its requests")
            return params
        inside = self._open(client, token, now=now)
        if client.profile is Profile.FAPI2 or client.require_signed_request_object:
            # The id inside was found to be the client's; it counts once.
            return [*{**inside, "client_id": client.client_id}.items()]
        outside = [
            (name, value)
            for name, value in params
            if name not in inside and name not in _NOT_INSIDE
        ]
        for name in ("response_type", "client_id"):
            named = dict(params).get(name)
            if name in inside and named is not None and named != inside[name]:
                raise InvalidRequestObjectError(f"{name} differs inside and outside")
        return [*outside, *inside.items()]

    def _open(self, client: Client, token: str, *, now: datetime) -> dict[str, str]:
        """The parameters in a request object whose signature is the client's (RFC 9101, 6)."""
        inside = self.decryption.open(token) if is_encrypted(token) else token
        if inside is None:
            raise InvalidRequestObjectError("the request object is not encrypted for us")
        signed = self.keys.verify(client, inside, _algorithms(client))
        if signed is None:
            raise InvalidRequestObjectError("the request object is not signed by the client")
        if type_of(signed.header) not in _TYPES:
            raise InvalidRequestObjectError("typ is not that of a request object")
        claims = signed.claims
        self._check(client, claims, int(now.timestamp()))
        if client.is_automatic:
            self._check_once(client, claims, int(now.timestamp()))
        if claims.get("client_id", client.client_id) != client.client_id:
            raise InvalidRequestObjectError("client_id is another one")
        if claims.get("sub") == client.client_id:
            raise InvalidRequestObjectError("a client assertion is no request object")
        if any(name in claims for name in _NOT_INSIDE):
            raise InvalidRequestObjectError("a request object holds no other")
        return {
            name: _as_parameter(name, value)
            for name, value in claims.items()
            if name not in _ABOUT_THE_JWT and value is not None
        }

    def _check(self, client: Client, claims: Mapping[str, Any], seconds: int) -> None:
        """Who, for whom, when: what is there must be right, and FAPI 2.0 wants it all (5.3.1)."""
        is_strict = client.profile is Profile.FAPI2
        if claims.get("iss", None if is_strict else client.client_id) != client.client_id:
            raise InvalidRequestObjectError("iss is not the client")
        if ("aud" in claims or is_strict) and not assertions.is_for(claims, (self.issuer,)):
            raise InvalidRequestObjectError("aud is not our issuer")
        if is_strict and "nbf" not in claims:
            raise InvalidRequestObjectError("nbf is missing")
        if "exp" in claims or "nbf" in claims or is_strict:
            timed = claims if "exp" in claims or is_strict else {**claims, "exp": seconds}
            times = assertions.read_times(timed, now=seconds, longest=_LONGEST_LIFE)
            if times is None:
                raise InvalidRequestObjectError("the request object is not valid at this time")
            if times.begins is not None and times.begins < seconds - _LONGEST_LIFE:
                raise InvalidRequestObjectError("the request object is too old")
            if is_strict and times.expires - int(claims["nbf"]) > _LONGEST_LIFE:
                raise InvalidRequestObjectError("the request object lives too long")

    def _check_once(self, client: Client, claims: Mapping[str, Any], seconds: int) -> None:
        """What a federation asks of a request object, and its only use (Federation, 12.1.1.1)."""
        kind = federation.Kind.REQUEST_OBJECT
        fault = federation.fault_of(kind, claims, client.client_id, self.issuer, now=seconds)
        if fault:
            raise InvalidRequestObjectError(fault)
        key = assertions.once(claims, client.client_id)
        until = assertions.kept_until(int(claims["exp"]))
        spent = self.authenticator.single_use
        if key is None or not spent.spend("request_object", key, expires_at=until):
            raise InvalidRequestObjectError("the request object was used before")

    # --- pushing --------------------------------------------------------------------------------

    def push(self, call: Call, *, now: datetime) -> Reply:
        """The pushed authorization request endpoint (RFC 9126, 2). Raises ``OAuth2Error``."""
        form = read_form(call)
        client = self.authenticator.authenticate(call, form, now=now)
        if "request_uri" in form:
            raise InvalidRequestError("request_uri cannot be pushed")
        params = [(name, value) for name, value in form.items() if name not in _AUTHENTICATION]
        token = form.get("request", "")
        # Beside a request object stands only what authenticates the client (RFC 9126, 3).
        params = [(name, value) for name, value in params if not token or name == "client_id"]
        inside = self._unfold(client, params, token, now=now)
        asked = self._read(client, [("client_id", client.client_id), *_without_id(inside)])
        if call.dpop:
            jkt = self.proofs.check(call, now=now)
            if asked.response_type.is_implicit:
                raise InvalidRequestError("a proof binds codes only")
            if asked.dpop_jkt and asked.dpop_jkt != jkt:
                raise InvalidRequestError("dpop_jkt is not the key of the proof")
            asked = msgspec.structs.replace(asked, dpop_jkt=jkt)
        ttl = self.settings.pushed_ttl
        until = now + timedelta(seconds=ttl)
        name = self.store.add(client.client_id, _encode(asked), expires_at=until, now=now)
        body = json.dumps({"request_uri": f"{PUSHED_PREFIX}{name}", "expires_in": ttl})
        return Reply(201, body.encode(), headers=dict(NO_STORE))

    def _read(self, client: Client, params: Params) -> AuthorizationRequest:
        try:
            return read(client, params, offered(self.settings))
        except NotRedirectable as error:
            raise InvalidRequestError(error.detail) from error
        except AuthorizationError as error:
            raise InvalidRequestError(error.description, error=error.error) from error


def _without_id(params: Params) -> Params:
    return [(name, value) for name, value in params if name != "client_id"]


def _algorithms(client: Client) -> frozenset[SigningAlg]:
    if client.request_object_signing_alg is not None:
        return frozenset({client.request_object_signing_alg})
    return SAFE_ALGS if client.profile is Profile.FAPI2 else frozenset(SigningAlg)


def _as_parameter(name: str, value: object) -> str:
    """A member of the object as the parameter it stands for (RFC 9101, 4; Core, 6.1).

    Texts, but for ``claims``, whole numbers of seconds, and several resources. Anything else in the
    place of a text would be another request than the one that was signed.
    """
    if isinstance(value, str):
        return value
    if name in _NUMBERS and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "resource" and isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return " ".join(value)
    elif name == "claims" or name not in _TEXTS:
        return msgspec.json.encode(value).decode()
    raise InvalidRequestObjectError(f"{name} has the wrong type")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AuthorizationRequest).decode
