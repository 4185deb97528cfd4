"""Codes and tokens: what is in them, and how they are read back.

An authorization code is its own record, sealed: nothing is written until it is redeemed. A
refresh token is a grant's id and counter with a MAC. ID tokens are JWTs, and so are access tokens
(RFC 9068) unless the client wants them to say nothing: then the same claims are sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from idp.config import Oidc
from idp.domain.assurance import Achieved
from idp.domain.clients import Client, TokenFormat
from idp.domain.decoupled import Asked, Proved
from idp.domain.ids import uuid7
from idp.oidc.authorization import AuthorizationRequest
from idp.oidc.claims import subject
from idp.oidc.claims_request import Wishes
from idp.oidc.decision import Ready
from idp.oidc.dvcqg import acr_for, standard_claims
from idp.oidc.keys import KeyRing, b64, unb64
from idp.oidc.proof import UNBOUND, Binding
from idp.storage.vault import Seal, Sealed, Vault

_LONGEST_CODE = 16384
_REFRESH_BYTES = 16 + 4 + 32
ACCESS_TYPE, ID_TYPE = "at+jwt", "JWT"
_ID_CLAIMS = frozenset({"sub", "aud", "iat", "exp", "auth_time"})
_OPAQUE = "mc_"
"""How a sealed access token begins: so that a leaked one is recognised by scanners."""


class GrantData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What later tokens of a grant need: kept with it, so they say what the sign-in proved.

    ``owns_session`` where the session was opened for this grant alone: no browser has it.
    """

    sub: str
    sid: str
    scope: tuple[str, ...]
    userinfo_claims: tuple[str, ...]
    id_token_claims: tuple[str, ...]
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    resource: tuple[str, ...] = ()
    binding: Binding = UNBOUND
    ial: int = 0
    wishes: Wishes = Wishes()
    owns_session: bool = False

    @property
    def asks_id_token(self) -> bool:
        """Whether the ID token is to have claims about the person."""
        return bool(self.id_token_claims) or not self.wishes.id_token.is_empty


class Code(msgspec.Struct, frozen=True, omit_defaults=True):
    """The contents of an authorization code."""

    id: str
    client_id: str
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    session_id: str
    exp: int
    data: GrantData
    dpop_jkt: str = ""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Which grant, and which turn of it."""

    grant_id: UUID
    counter: int


class Tokens:
    """Makes and reads every code and token."""

    def __init__(self, issuer: str, settings: Oidc, vault: Vault, keys: KeyRing) -> None:
        self.issuer, self._settings, self.keys = issuer, settings, keys
        self._codes = Seal(vault.key("code-seal"))
        self._opaque = Seal(vault.key("access-seal"))
        self._refresh_key, self._pairwise_key = vault.key("refresh"), vault.key("pairwise")

    # --- codes ----------------------------------------------------------------------------------

    def new_code(
        self, client: Client, request: AuthorizationRequest, ready: Ready, *, now: datetime
    ) -> str:
        """A code for what the session proves (RFC 6749, 4.1.2)."""
        code = self.contents(client, request, ready, now=now)
        return b64(self._codes.seal(_pack(code), context="code"))

    def contents(
        self, client: Client, request: AuthorizationRequest, ready: Ready, *, now: datetime
    ) -> Code:
        """What a code for it says; the implicit flow makes its grant of it without the code."""
        session, proven = ready.seen.session, ready.proven
        return Code(
            id=uuid7(now).hex,
            client_id=client.client_id,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            session_id=session.id.hex,
            exp=int(now.timestamp()) + self._settings.code_ttl,
            data=self._data(client, request, proven, session.id, session.account_id),
            dpop_jkt=request.dpop_jkt,
        )

    def read_code(self, text: str) -> Code | None:
        """The contents of a code of ours; whether it is still good is decided elsewhere."""
        if len(text) > _LONGEST_CODE:
            return None
        try:
            return _unpack_code(self._codes.open(unb64(text), context="code"))
        except (Sealed, ValueError, msgspec.DecodeError):
            return None

    def subject(self, client: Client, account_id: UUID) -> str:
        """``sub`` of an account at a client."""
        return subject(client, account_id, self._pairwise_key)

    def _data(
        self,
        client: Client,
        request: AuthorizationRequest,
        proven: Achieved,
        session_id: UUID,
        account_id: UUID,
    ) -> GrantData:
        return GrantData(
            sub=self.subject(client, account_id),
            sid=self._sid(client, session_id),
            scope=request.scope,
            userinfo_claims=request.userinfo_claims,
            id_token_claims=request.id_token_claims,
            acr=acr_for(client, request.acr(proven)),
            amr=proven.amr,
            auth_time=int(proven.auth_time.timestamp()),
            resource=request.resource,
            ial=int(proven.ial),
            wishes=request.wishes,
        )

    def _sid(self, client: Client, session_id: UUID) -> str:
        """The name of a session at the portals of one sector (Front-Channel Logout, 3)."""
        message = session_id.bytes + client.sector.encode()
        return b64(hmac.digest(self._pairwise_key, message, "sha256")[:16])

    def decoupled_data(
        self, client: Client, asked: Asked, proved: Proved, session_id: UUID, account_id: UUID
    ) -> GrantData:
        """What the tokens of a request say that was answered on another device."""
        return GrantData(
            sub=self.subject(client, account_id),
            sid=self._sid(client, session_id),
            scope=asked.scope,
            userinfo_claims=standard_claims(client),
            id_token_claims=(),
            acr=acr_for(client, proved.acr),
            amr=proved.amr,
            auth_time=proved.auth_time,
            resource=asked.resource,
            ial=proved.ial,
            owns_session=True,
        )

    # --- tokens ---------------------------------------------------------------------------------

    def access_token(  # noqa: PLR0913  keywords
        self,
        client: Client,
        grant_id: UUID,
        data: GrantData,
        scope: Iterable[str],
        now: int,
        *,
        resource: Sequence[str] = (),
    ) -> str:
        """RFC 9068. ``jti`` begins with the grant, so that userinfo needs one look-up."""
        claims = {
            "iss": self.issuer,
            "aud": self._audience(resource),
            "sub": data.sub,
            "client_id": client.client_id,
            "scope": " ".join(scope),
            "iat": now,
            "exp": now + self._settings.access_token_ttl,
            "jti": f"{grant_id.hex}.{secrets.token_urlsafe(16)}",
            "auth_time": data.auth_time,
            "acr": data.acr,
        }
        return self._access(client, claims, data.binding)

    def client_token(
        self,
        client: Client,
        scope: str,
        now: int,
        *,
        resource: Sequence[str] = (),
        binding: Binding = UNBOUND,
    ) -> str:
        """A token of the client itself (RFC 6749, 4.4; RFC 9068, 2.2: sub is the client)."""
        claims = {
            "iss": self.issuer,
            "aud": self._audience(resource),
            "sub": client.client_id,
            "client_id": client.client_id,
            "scope": scope,
            "iat": now,
            "exp": now + self._settings.access_token_ttl,
            "jti": secrets.token_urlsafe(16),
        }
        return self._access(client, claims, binding)

    def _access(self, client: Client, claims: dict[str, Any], binding: Binding) -> str:
        if binding is not UNBOUND and binding.cnf:
            claims["cnf"] = binding.cnf
        if client.access_token_format is TokenFormat.OPAQUE:
            return _OPAQUE + b64(self._opaque.seal(_encode_any(claims), context="access"))
        return self.keys.sign("ES256", ACCESS_TYPE, claims)

    def _audience(self, resource: Sequence[str]) -> str | Sequence[str]:
        """The resource servers that a token is for (RFC 8707); without any, our userinfo."""
        if not resource:
            return self.issuer
        return resource[0] if len(resource) == 1 else resource

    def id_token(
        self,
        client: Client,
        data: GrantData,
        *,
        access_token: str | None,
        now: int,
        **more: Any,  # noqa: ANN401  claims of any kind
    ) -> str:
        """OpenID Connect Core, section 2; after a refresh the sign-in's own facts stay (12.2).

        ``at_hash`` is that of the access token it comes with, if it does (3.2.2.10).
        """
        alg = client.id_token_signed_response_alg
        claims = {
            **more,
            "iss": self.issuer,
            "sub": data.sub,
            "aud": client.client_id,
            "azp": client.client_id,
            "iat": now,
            "exp": now + self._settings.id_token_ttl,
            "auth_time": data.auth_time,
            "acr": data.acr,
            "amr": data.amr,
            "sid": data.sid,
        }
        if access_token is not None:
            claims["at_hash"] = half_hash(alg, access_token)
        return self.keys.sign(alg, ID_TYPE, claims)

    def refresh_token(self, token: RefreshToken) -> str:
        """The token of one turn: the same turn always has the same token."""
        body = token.grant_id.bytes + token.counter.to_bytes(4, "big")
        return b64(body + hmac.digest(self._refresh_key, body, "sha256"))

    def read_refresh_token(self, text: str) -> RefreshToken | None:
        """Which grant and turn a token of ours is for."""
        if len(text) > 2 * _REFRESH_BYTES:
            return None
        try:
            raw = unb64(text)
        except ValueError:
            return None
        body, mac = raw[:20], raw[20:]
        expected = hmac.digest(self._refresh_key, body, "sha256")
        if len(raw) != _REFRESH_BYTES or not hmac.compare_digest(mac, expected):
            return None
        return RefreshToken(UUID(bytes=body[:16]), int.from_bytes(body[16:], "big"))

    def read_access_token(self, text: str, *, now: int) -> dict[str, Any] | None:
        """The claims of an access token of ours that has not expired."""
        opened = self._open_opaque(text) if text.startswith(_OPAQUE) else None
        claims = opened or self.keys.verify(text, ACCESS_TYPE)
        if claims is None or claims.get("iss") != self.issuer or claims.get("exp", 0) <= now:
            return None
        return claims

    def _open_opaque(self, text: str) -> dict[str, Any] | None:
        if len(text) > _LONGEST_CODE:
            return None
        try:
            sealed = unb64(text.removeprefix(_OPAQUE))
            found: dict[str, Any] = _decode_any(self._opaque.open(sealed, context="access"))
        except (Sealed, ValueError, msgspec.DecodeError):
            return None
        return found

    def read_id_token_hint(self, text: str) -> dict[str, Any] | None:
        """The claims of an ID token of ours, also an expired one (RP-Initiated Logout, 4).

        Answers that are signed for other purposes, JARM or userinfo, lack one of its claims.
        """
        claims = self.keys.verify(text, ID_TYPE)
        if claims is None or claims.get("iss") != self.issuer or not claims.keys() >= _ID_CLAIMS:
            return None
        return claims


def grant_of(claims: Mapping[str, Any]) -> UUID | None:
    """The grant of an access token; None for a token of the client itself."""
    grant_id, dot, _ = str(claims.get("jti")).partition(".")
    try:
        return UUID(hex=grant_id) if dot else None
    except ValueError:
        return None


def half_hash(alg: str, value: str) -> str:
    """``at_hash`` and its like (Core, 3.1.3.6): the left half of the hash that ``alg`` uses."""
    digest = hashlib.sha512 if alg == "EdDSA" else hashlib.sha256
    found = digest(value.encode()).digest()
    return b64(found[: len(found) // 2])


_pack = msgspec.msgpack.Encoder().encode
_unpack_code = msgspec.msgpack.Decoder(Code).decode
_encode_any, _decode_any = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
_encode_data = msgspec.json.Encoder().encode
_decode_data = msgspec.json.Decoder(GrantData).decode


def data_to_text(data: GrantData) -> str:
    """As it stands in the grant's row."""
    return _encode_data(data).decode()


def data_from_text(text: str) -> GrantData:
    """The inverse."""
    return _decode_data(text)
