"""Answers that only the client can read: JWE (RFC 7516) around a JWT, or around plain JSON.

For ID tokens and userinfo (OpenID Connect Core, 10.2: sign, then encrypt), and for JARM and
introspection. The algorithms are those of the client's metadata; the key is the client's own. Where
there is none that fits, nothing is answered: a token in clear is never the way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import Key, RSAKey

from idp.domain.clients import Client, ContentEnc, KeyAlg
from idp.domain.errors import PortUnavailable
from idp.oidc.client_keys import ClientKeys
from idp.oidc.errors import InvalidRequestError, OAuth2Error

NESTED: Final = "JWT"
"""``cty`` of a JWE whose contents are a JWT (RFC 7519, 5.2)."""

DEFAULT_ENC: Final = ContentEnc.A128CBC_HS256
"""Where a client names no other (OpenID Connect Registration, 2)."""

_REGISTRY = JWERegistry(algorithms=[*KeyAlg, *ContentEnc])
_FEWEST_RSA_BITS = 2048


NO_KEY: Final = "no key of the client fits its encryption algorithm"
"""Its registration has to change; until then nothing is answered."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """Encrypts for clients."""

    keys: ClientKeys

    def encrypt(
        self, contents: bytes, *, client: Client, alg: KeyAlg, enc: ContentEnc, cty: str = ""
    ) -> str:
        """A compact JWE for the client. Raises ``OAuth2Error`` where there is no key for it."""
        key = self.key(client, alg)
        header: dict[str, Any] = {"alg": str(alg), "enc": str(enc)}
        header |= {"kid": key.kid} if key.kid else {}
        header |= {"typ": "JWT", "cty": cty} if cty else {}
        try:
            return jwe.encrypt_compact(header, contents, key, registry=_REGISTRY)
        except (JoseError, ValueError) as error:
            raise InvalidRequestError(NO_KEY) from error

    def key(self, client: Client, alg: KeyAlg) -> Key:
        """The client's key for ``alg``."""
        try:
            key = self.keys.encryption_key(client, alg)
        except PortUnavailable as error:
            raise OAuth2Error(
                "the keys of the client cannot be fetched",
                error="temporarily_unavailable",
                status_code=503,
            ) from error
        except (JoseError, ValueError):
            key = None
        if key is None or (isinstance(key, RSAKey) and _bits(key) < _FEWEST_RSA_BITS):
            raise InvalidRequestError(NO_KEY)
        return key

    def authorization(self, client: Client, token: str) -> str:
        """The signed authorization response as the client wants it (JARM, 2.2)."""
        enc = client.authorization_encrypted_response_enc
        return self._nested(client, token, client.authorization_encrypted_response_alg, enc)

    def introspection(self, client: Client, token: str) -> str:
        """The signed answer about a token as the client wants it (RFC 9701, 5)."""
        enc = client.introspection_encrypted_response_enc
        return self._nested(client, token, client.introspection_encrypted_response_alg, enc)

    def check_authorization(self, client: Client) -> None:
        """Refuse before a person is asked for what could not be answered."""
        if client.authorization_encrypted_response_alg:
            self.key(client, client.authorization_encrypted_response_alg)

    def check(self, client: Client) -> None:
        """Refuse before a code is spent on an ID token that could not be encrypted."""
        if client.id_token_encrypted_response_alg:
            self.key(client, client.id_token_encrypted_response_alg)

    def id_token(self, client: Client, token: str) -> str:
        """The signed ID token as the client wants it."""
        enc = client.id_token_encrypted_response_enc
        return self._nested(client, token, client.id_token_encrypted_response_alg, enc)

    def _nested(
        self, client: Client, token: str, alg: KeyAlg | None, enc: ContentEnc | None
    ) -> str:
        """A signed token inside an encrypted one, or as it is where the client named no ``alg``."""
        if alg is None:
            return token
        enc = enc or DEFAULT_ENC
        return self.encrypt(token.encode(), client=client, alg=alg, enc=enc, cty=NESTED)

    def userinfo(self, client: Client, contents: bytes, *, cty: str) -> str | None:
        """The userinfo answer encrypted, or None where the client did not ask for it."""
        alg, enc = client.userinfo_encrypted_response_alg, client.userinfo_encrypted_response_enc
        if alg is None:
            return None
        return self.encrypt(contents, client=client, alg=alg, enc=enc or DEFAULT_ENC, cty=cty)


def _bits(key: RSAKey) -> int:
    return key.public_key.key_size
