"""Request objects that only we can read: a signed JWT inside a JWE (RFC 9101, 6.1; Core, 6.1).

Our keys for it stand in the JWKS with ``use`` enc, one for each algorithm, and turn with those that
sign:

    announced, active --(rotate)--> retiring --(time over)--> deleted

All of them open what was encrypted for them; a retiring one is no longer published, so nobody
starts to use what will soon be gone. Encryption proves nothing about the sender: what comes out
is checked like every signed object. The header chooses the key and nothing else: the algorithms
are ours (RFC 8725, 3.1, 3.2), no password (PBES2), no compression (3.6), no key of the message.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, RSAKey

from idp.domain.clients import ContentEnc, KeyAlg
from idp.oidc.keys import KeyRing, PrivateKey, SigningKey, read_object, unb64
from idp.ports import Clock

FOLDER: Final = "encryption"
_PARTS, _LONGEST = 5, 32768
_NESTED: Final = frozenset({"JWT", "APPLICATION/JWT"})
_NEVER: Final = frozenset({"zip", "crit", "p2c", "p2s"})
# Headers may repeat claims (RFC 7519, 5.3); what we act on is checked here.
_REGISTRY = JWERegistry(algorithms=[*KeyAlg, *ContentEnc], strict_check_header=False)
_REGISTRY.max_protected_header_length = 4096


def key_ring(folder: Path, clock: Clock, *, announce: timedelta, retire: timedelta) -> KeyRing:
    """Keys that others encrypt for us with."""
    return KeyRing(
        folder / FOLDER, clock, announce=announce, retire=retire, algorithms=tuple(KeyAlg)
    )


@dataclass(frozen=True, slots=True)
class Decryption:
    """Opens what was encrypted for us."""

    keys: KeyRing

    def open(self, token: str) -> str | None:
        """The signed JWT inside; None for everything that is not one of ours to read.

        Why it failed is never told: whoever tries changed messages learns nothing (RFC 7516, 11.5).
        """
        header = _read_header(token)
        if header is None:
            return None
        return next(filter(None, (_open(token, key) for key in self._candidates(header))), None)

    def _candidates(self, header: Mapping[str, Any]) -> Sequence[SigningKey]:
        """The key that the header names, else those of its algorithm, newest first.

        Callers often choose a key by ``kty`` and ``use`` only, so a name counts for every algorithm
        of its kind of key.
        """
        alg, kid = header["alg"], header.get("kid")
        if kid is None:
            fitting = list(self.keys.of(alg))
        else:
            alike = (each for each in KeyAlg if _kind(each) == _kind(alg))
            fitting = [key for each in alike for key in self.keys.of(each) if key.kid == kid]
        return sorted(fitting, key=lambda key: key.changed_at, reverse=True)


def _kind(alg: str) -> str:
    """``RSA`` or ``ECDH``: what kind of key it is for."""
    return alg.partition("-")[0]


def is_encrypted(token: str) -> bool:
    """Whether it has the five parts of a compact JWE (RFC 7516, 3.1)."""
    return token.count(".") == _PARTS - 1


@functools.lru_cache(maxsize=16)
@functools.lru_cache(maxsize=4)  # until a key is turned
def published(*sets: bytes) -> bytes:
    """One JWKS of several."""
    keys = [key for each in sets for key in msgspec.json.decode(each)["keys"]]
    return msgspec.json.encode({"keys": keys})


def _read_header(token: str) -> dict[str, Any] | None:
    """The header of a JWE with algorithms of ours around a JWT."""
    if len(token) > _LONGEST or not token.isascii() or not is_encrypted(token):
        return None
    try:
        header = read_object(unb64(token.partition(".")[0])) or {}
    except ValueError:
        return None
    alg, enc, kid, cty = (header.get(name) for name in ("alg", "enc", "kid", "cty"))
    rules = (
        isinstance(alg, str) and alg in set(KeyAlg),
        isinstance(enc, str) and enc in set(ContentEnc),
        kid is None or isinstance(kid, str),
        cty is None or (isinstance(cty, str) and cty.upper() in _NESTED),
        not _NEVER & header.keys(),
    )
    return header if all(rules) else None


def _open(token: str, key: SigningKey) -> str | None:
    try:
        found = jwe.decrypt_compact(token, _usable(key.private), registry=_REGISTRY).plaintext
        inside = (found or b"").decode("ascii")
    except (JoseError, InvalidTag, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if is_encrypted(inside) else inside


@functools.lru_cache(maxsize=64)
def _usable(private: PrivateKey) -> RSAKey | ECKey:
    """Read once: importing costs more than decrypting."""
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (RSAKey if isinstance(private, RSAPrivateKey) else ECKey).import_key(pem)
