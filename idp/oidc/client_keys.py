"""The public keys of clients: from their metadata, or fetched from ``jwks_uri`` and remembered.

An unknown ``kid`` makes us look again, at most once a minute (OpenID Connect Core, 10.1.1), so
that nobody can make us knock at a client's door. The algorithm is always ours to allow; a key is
never taken from the message (RFC 8725, 3.1, 3.10).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jws import JWSRegistry

from idp.domain.clients import Client, SigningAlg
from idp.domain.errors import PortUnavailable
from idp.oidc.keys import unb64
from idp.ports import WebClient

_KEPT_SECONDS, _PAUSE_SECONDS = 300.0, 60.0
_MOST_REMEMBERED, _LONGEST_TOKEN = 10_000, 32768
# Headers may carry more than we read, such as the trust_chain of a federation.
_REGISTRY = JWSRegistry(algorithms=[*SigningAlg, "Ed25519"], strict_check_header=False)
_REGISTRY.max_header_length = _LONGEST_TOKEN
_KEY_TYPES: Final = {"ES256": ("EC",), "RS256": ("RSA",), "PS256": ("RSA",), "EdDSA": ("OKP",)}


@dataclass(slots=True)
class _Remembered:
    keys: KeySet
    at: float


@dataclass(frozen=True, slots=True)
class Signed:
    """A JWT whose signature is the client's: its header and its claims."""

    header: dict[str, Any]
    claims: dict[str, Any]


class ClientKeys:
    """Finds keys of clients and checks what they sign."""

    def __init__(self, web: WebClient, timer: Callable[[], float] = time.monotonic) -> None:
        self._web, self._timer = web, timer
        self._remembered: dict[str, _Remembered] = {}
        self._lock = threading.Lock()

    def verify(
        self, client: Client, token: str, algorithms: Collection[SigningAlg]
    ) -> Signed | None:
        """A compact JWT signed by the client with one of ``algorithms``, or None."""
        header = read_header(token)
        if header is None or header.get("alg") not in set(algorithms) or "crit" in header:
            return None
        for key in self._candidates(client, header):
            try:
                found = jwt.decode(token, key, registry=_REGISTRY)
            except (JoseError, ValueError, TypeError):
                continue
            if isinstance(found.claims, dict):
                return Signed(header, found.claims)
        return None

    def encryption_key(self, client: Client, alg: str) -> Key | None:
        """A key that the client can decrypt with: ``use`` enc or none, of the right type."""
        wanted = "EC" if alg.startswith("ECDH") else "RSA"
        for key in self.all(client).keys:
            about = key.as_dict()
            if key.key_type != wanted and not (wanted == "EC" and about.get("crv") == "X25519"):
                continue
            if about.get("use", "enc") == "enc" and about.get("alg", alg) == alg:
                return key
        return None

    def all(self, client: Client, *, unless: str = "") -> KeySet:
        """The client's keys; fetched anew when ``unless`` names a kid that they lack.

        Raises ``PortUnavailable`` when they cannot be had.
        """
        place = client.jwks_uri or client.client_id
        known = self._remembered.get(place)
        age = self._timer() - known.at if known else float("inf")
        if client.jwks_uri:
            lacks = bool(unless) and known is not None and unless not in _kids(known.keys)
            if known and age < _KEPT_SECONDS and not (lacks and age >= _PAUSE_SECONDS):
                return known.keys
        elif known and age < _PAUSE_SECONDS and _same(known.keys, client):
            return known.keys
        return self._remember(place, self._read(client, known))

    def _candidates(self, client: Client, header: dict[str, Any]) -> list[Key]:
        """The key that the header names; every key that fits, where it names none."""
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            return []
        try:
            keys = self.all(client, unless=kid or "")
        except PortUnavailable:
            return []
        types = _KEY_TYPES[str(header["alg"])]
        return [
            key
            for key in keys.keys
            if key.key_type in types
            and (kid is None or key.kid == kid)
            and key.as_dict().get("use", "sig") == "sig"
            and key.as_dict().get("alg", header["alg"]) == header["alg"]
        ]

    def _read(self, client: Client, known: _Remembered | None) -> KeySet:
        if not client.jwks_uri:
            return KeySet.import_key_set(client.jwks or {"keys": []})  # type: ignore[arg-type]  # JSON
        try:
            answer = self._web.get(client.jwks_uri, accept="application/jwk-set+json")
            body = answer.body if answer.status == 200 else b""  # noqa: PLR2004  OK
            keys = msgspec.json.decode(body, type=dict[str, Any])
            return KeySet.import_key_set({"keys": _public(keys.get("keys"))})
        except (PortUnavailable, JoseError, ValueError, TypeError, KeyError) as error:
            if known:  # what was good a moment ago is better than nothing
                return known.keys
            raise PortUnavailable("jwks_uri", type(error).__name__) from error

    def _remember(self, place: str, keys: KeySet) -> KeySet:
        with self._lock:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[place] = _Remembered(keys, self._timer())
        return keys


def read_header(token: str) -> dict[str, Any] | None:
    """The header of a compact JWS, unchecked: only to choose which key to check with."""
    if len(token) > _LONGEST_TOKEN or not token.isascii() or token.count(".") != 2:  # noqa: PLR2004
        return None
    try:
        return msgspec.json.decode(unb64(token.partition(".")[0]), type=dict[str, Any])
    except (ValueError, msgspec.DecodeError):
        return None


def _public(keys: object) -> list[Any]:
    """Those keys of a set that we can read; one strange key must not spoil the others."""
    if not isinstance(keys, list):
        raise TypeError("keys")
    return [key for key in keys if isinstance(key, dict) and key.get("kty") in {"EC", "RSA", "OKP"}]


def _kids(keys: KeySet) -> set[str | None]:
    return {key.kid for key in keys.keys}


def _same(keys: KeySet, client: Client) -> bool:
    """Whether remembered keys are still the registered ones."""
    registered = (client.jwks or {}).get("keys", [])
    return len(keys.keys) == len(registered) and all(
        key.as_dict().get(part) == plain.get(part)
        for key, plain in zip(keys.keys, registered, strict=True)
        for part in ("kid", "x", "n")
        if part in plain
    )
