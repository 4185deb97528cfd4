"""The portal's side of OpenID Connect, written without any of the provider's code."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2 as httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet

from idp.sandbox.portal_settings import PortalSettings

_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
_SCOPE = "openid profile phone email identity"
_LEEWAY_SECONDS = 10
_ASSERTION_SECONDS = 60
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class SignInFailed(Exception):
    """A sign-in that the portal cannot accept; the code is the provider's or our own."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Attempt:
    """What must come back unchanged from one authorization request."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    wanted: str = ""

    @property
    def challenge(self) -> str:
        """The S256 form of the verifier."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A verified sign-in."""

    id_token: str = field(repr=False)
    claims: dict[str, Any]
    access_token: str = field(default="", repr=False)


class RelyingParty:
    """One client of the provider; fetches discovery and keys when first needed."""

    def __init__(
        self, settings: PortalSettings, *, issuer: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._http = httpx.Client(timeout=15, trust_env=False, transport=transport)
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    @property
    def issuer(self) -> str:
        """The provider."""
        return self._issuer

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to."""
        return f"{self._settings.origin}/callback"

    def authorization_url(self, attempt: Attempt, extra: Mapping[str, str]) -> str:
        """The address that starts a sign-in."""
        return self.with_query("authorization_endpoint", self.authorization_request(attempt, extra))

    def authorization_request(self, attempt: Attempt, extra: Mapping[str, str]) -> dict[str, str]:
        """The parameters of a request (OpenID Connect Core, 3.1.2.1)."""
        return {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": _SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            **extra,
        }

    def logout_url(self, id_token: str) -> str:
        """The address that ends the session at the provider too."""
        query = {
            "id_token_hint": id_token,
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": f"{self._settings.origin}/",
        }
        return self.with_query("end_session_endpoint", query)

    def with_query(self, endpoint: str, query: Mapping[str, str]) -> str:
        """An address at one of the provider's endpoints."""
        return _with_query(self._endpoint(endpoint), query)

    def check_issuer(self, answered: str | None) -> None:
        """RFC 9207: the answer must come from the provider that was asked."""
        promised = self._discovered().get("authorization_response_iss_parameter_supported")
        if answered != self._issuer and (answered is not None or promised):
            raise SignInFailed("invalid_iss")

    def finish(self, code: str, attempt: Attempt) -> SignedIn:
        """Exchange the code, verify the ID token, ask for the user's claims."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        return self.accept(self.ask("token_endpoint", form), nonce=attempt.nonce)

    def accept(self, tokens: Mapping[str, Any], *, nonce: str | None = None) -> SignedIn:
        """Verify what the token endpoint answered, and ask for the user's claims."""
        id_token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access, str):
            raise SignInFailed("invalid_token_response")
        claims = self._verified(id_token, {"exp": {"essential": True}, "sub": {"essential": True}})
        if claims.get("nonce") != nonce:
            raise SignInFailed("invalid_nonce")
        user = self._json(
            "GET",
            self._endpoint("userinfo_endpoint"),
            headers={"Authorization": f"Bearer {access}"},
        )
        if user.get("sub") != claims["sub"]:
            raise SignInFailed("invalid_userinfo")
        return SignedIn(id_token=id_token, claims={**user, **claims}, access_token=access)

    def logout_claims(self, logout_token: str) -> dict[str, Any]:
        """The claims of a back-channel logout token that is really meant for us."""
        claims = self._verified(
            logout_token,
            {"jti": {"essential": True}, "exp": {"essential": True}},
            typ="logout+jwt",
        )
        events = claims.get("events")
        if not isinstance(events, dict) or _LOGOUT_EVENT not in events or "nonce" in claims:
            raise SignInFailed("invalid_logout_token")
        if not ("sub" in claims or "sid" in claims):
            raise SignInFailed("invalid_logout_token")
        return claims

    def security_event(self, token: str) -> dict[str, Any]:
        """The claims of a security event token that is really meant for us (RFC 8417)."""
        claims = self._verified(token, {"jti": {"essential": True}}, typ="secevent+jwt")
        events = claims.get("events")
        if not isinstance(events, dict) or not events or {"sub", "exp", "nonce"} & set(claims):
            raise SignInFailed("invalid_security_event")
        return claims

    # --- the client's own calls -----------------------------------------------------------------

    def own_token(self, scope: str) -> str:
        """An access token of the portal itself (RFC 6749, 4.4)."""
        form = {"grant_type": "client_credentials", "scope": scope}
        return str(self.ask("token_endpoint", form)["access_token"])

    def ask(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Post to an endpoint as this client."""
        return self._json("POST", self._endpoint(endpoint), **self._proven(form))

    def _assertion(self, private_key: Mapping[str, Any]) -> dict[str, str]:
        """``private_key_jwt`` (RFC 7523, 2.2): for the issuer alone, for a minute, once."""
        key, now = ECKey.import_key(dict(private_key)), int(time.time())
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.client_id,
            "aud": self._issuer,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(24),
        }
        signed = jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)
        return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": signed}

    def transmitter(self) -> dict[str, Any]:
        """Where the provider's streams of security events are managed."""
        about = self._json("GET", f"{self._issuer.rstrip('/')}/.well-known/ssf-configuration")
        if about.get("issuer") != self._issuer:
            raise SignInFailed("invalid_issuer", str(about.get("issuer")))
        return about

    def call(
        self, method: str, address: str, token: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A call with a bearer token; a list comes as ``items``."""
        headers = {"Authorization": f"Bearer {token}"}
        how = {"json": dict(body)} if body is not None else {}
        return self._json(method, address, headers=headers, **how)

    def _proven(self, form: Mapping[str, str]) -> dict[str, Any]:
        """A form with what proves whose it is (RFC 6749, 2.3): key, secret, or the bare name."""
        settings = self._settings
        name, secret = settings.client_id, settings.client_secret
        if settings.private_key is not None:
            proof = self._assertion(settings.private_key)
            return {"data": {**form, "client_id": name, **proof}}
        if not secret:
            return {"data": {**form, "client_id": name}}
        auth = httpx.BasicAuth(_form_encoded(name), _form_encoded(secret))
        return {"data": dict(form), "auth": auth}

    def _verified(
        self, token: str, rules: Mapping[str, Any], *, typ: str | None = None
    ) -> dict[str, Any]:
        try:
            try:
                decoded = jwt.decode(token, self._key_set(), algorithms=_ALGORITHMS)
            except InvalidKeyIdError:  # the provider has a new key
                decoded = jwt.decode(token, self._key_set(fresh=True), algorithms=_ALGORITHMS)
            if typ is not None and decoded.header.get("typ") != typ:
                raise SignInFailed("invalid_token", "typ")
            required: dict[str, Any] = {
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
                "iat": {"essential": True},
                **rules,
            }
            jwt.JWTClaimsRegistry(
                now=lambda: int(time.time()), leeway=_LEEWAY_SECONDS, **required
            ).validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise SignInFailed("invalid_token", str(error)) from error
        claims = dict(decoded.claims)
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise SignInFailed("invalid_token", "azp")
        return claims

    def _discovered(self) -> dict[str, Any]:
        with self._lock:
            if self._metadata is None:
                metadata = self._describe()
                if metadata.get("issuer") != self._issuer:
                    raise SignInFailed("invalid_issuer", str(metadata.get("issuer")))
                self._metadata = metadata
            return self._metadata

    def _describe(self) -> dict[str, Any]:
        """What the provider says about itself (OpenID Connect Discovery, 4)."""
        return self._json("GET", self._issuer.rstrip("/") + "/.well-known/openid-configuration")

    def _endpoint(self, name: str) -> str:
        address = self._discovered().get(name)
        if not isinstance(address, str):
            raise SignInFailed("invalid_discovery", name)
        return address

    def _key_set(self, *, fresh: bool = False) -> KeySet:
        address = self._endpoint("jwks_uri")
        with self._lock:
            if self._keys is None or fresh:
                self._keys = KeySet.import_key_set(
                    {"keys": self._json("GET", address).get("keys", [])}
                )
            return self._keys

    def _json(self, method: str, address: str, **how: Any) -> dict[str, Any]:  # noqa: ANN401
        try:
            answer = self._http.request(method, address, **how)
            content = answer.json() if answer.content or answer.is_error else {}
        except httpx.HTTPError as error:
            raise SignInFailed("provider_unreachable", type(error).__name__) from error
        except ValueError as error:
            raise SignInFailed("provider_unreadable", f"HTTP {answer.status_code}") from error
        if isinstance(content, list):
            content = {"items": content}
        if not isinstance(content, dict):
            raise SignInFailed("provider_unreadable", f"HTTP {answer.status_code}")
        if answer.is_error:
            detail = content.get("error_description", f"HTTP {answer.status_code}")
            raise SignInFailed(str(content.get("error", "server_error")), str(detail))
        return content


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _form_encoded(text: str) -> str:
    """RFC 6749 2.3.1: the parts of client_secret_basic are form-encoded first."""
    return urlencode({"": text})[1:]
