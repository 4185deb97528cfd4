"""The public keys of clients: from their metadata, or fetched from ``jwks_uri`` and remembered.

An unknown ``kid`` makes us look again, at most once a minute (OpenID Connect Core, 10.1.1), and a
door that stayed shut is left alone as long, so that nobody can make us knock at it. Keys of a door
that shut count for an hour more, no longer: who takes a key back must be heard.

The algorithm is always ours to allow; a key is never taken from the message (RFC 8725, 3.1, 3.10).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, RSAKey, import_key
from joserfc.jws import JWSRegistry

from idp.domain.clients import Client, SigningAlg
from idp.domain.errors import PortUnavailable
from idp.oidc.keys import read_object, unb64
from idp.ports import WebClient

_KEPT_SECONDS, _PAUSE_SECONDS, _STALE_SECONDS = 300.0, 60.0, 3600.0
_DOORS, _MOST_KEYS = 64, 50
_MOST_REMEMBERED, _LONGEST_TOKEN = 10_000, 32768
_LEAST_RSA, _MOST_RSA, _MOST_EXPONENT = 2048, 8192, 33
# Headers may carry more than we read, such as the trust_chain of a federation.
_REGISTRY = JWSRegistry(algorithms=[*SigningAlg, "Ed25519"], strict_check_header=False)
_REGISTRY.max_header_length = _LONGEST_TOKEN
_KINDS: Final = ("EC", "RSA", "OKP")
_CURVES: Final = {"ES256": "P-256", "EdDSA": "Ed25519"}


@dataclass(frozen=True, slots=True)
class _Remembered:
    """Keys, None where they could not be had; when we looked, and when that last went well."""

    keys: KeySet | None
    looked: float
    fresh: float


@dataclass(frozen=True, slots=True)
class Signed:
    """A JWT whose signature is the client's: its header and its claims."""

    header: dict[str, Any]
    claims: dict[str, Any]


class ClientKeys:
    """Finds keys of clients and checks what they sign."""

    def __init__(self, web: WebClient, timer: Callable[[], float] = time.monotonic) -> None:
        self._web, self._timer = web, timer
        self._registered: dict[str, tuple[dict[str, Any], KeySet]] = {}
        self._fetched: dict[str, _Remembered] = {}
        self._doors = tuple(threading.Lock() for _ in range(_DOORS))

    def verify(
        self, client: Client, token: str, algorithms: Collection[SigningAlg]
    ) -> Signed | None:
        """A compact JWT signed by the client with one of ``algorithms``, or None."""
        header = read_header(token)
        if header is None or header.get("alg") not in set(algorithms) or "crit" in header:
            return None
        for key in self._candidates(client, header):
            claims = open_signed(token, key, _REGISTRY)
            if claims is not None:
                return Signed(header, claims)
        return None

    def encryption_key(self, client: Client, alg: str) -> Key | None:
        """A key that the client can decrypt with: ``use`` enc or none, of the right type."""
        wanted = "EC" if alg.startswith("ECDH") else "RSA"
        for key in self.all(client).keys:
            about = key.as_dict()
            if key.key_type != wanted and not (wanted == "EC" and about.get("crv") == "X25519"):
                continue
            fits_alg = about.get("use", "enc") == "enc" and about.get("alg", alg) == alg
            if fits_alg and is_strong(key):
                return key
        return None

    def all(self, client: Client, *, unless: str = "") -> KeySet:
        """The client's keys; fetched anew when ``unless`` names a kid that they lack.

        Raises ``PortUnavailable`` when they cannot be had.
        """
        if not client.jwks_uri:
            return self._of_metadata(client)
        uri = client.jwks_uri
        known = self._fetched.get(uri)
        if known is None or not self._is_enough(known, unless):
            with self._doors[hash(uri) % _DOORS]:  # one knocks, the others wait for what it gets
                known = self._fetched.get(uri)
                if known is None or not self._is_enough(known, unless):
                    known = self._fetch(uri, known)
        if known.keys is None:
            raise PortUnavailable("jwks_uri", "could not be had a moment ago")
        return known.keys

    def _is_enough(self, known: _Remembered, kid: str) -> bool:
        lacks = known.keys is None or (bool(kid) and kid not in _kids(known.keys))
        return self._timer() - known.looked < (_PAUSE_SECONDS if lacks else _KEPT_SECONDS)

    def _candidates(self, client: Client, header: dict[str, Any]) -> list[Key]:
        """The key that the header names; every key that fits, where it names none."""
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            return []
        try:
            keys = self.all(client, unless=kid or "")
        except PortUnavailable:
            return []
        return [
            key
            for key in keys.keys
            if fits(key, header["alg"])
            and (kid is None or key.kid == kid)
            and key.get("use", "sig") == "sig"
            and key.get("alg", header["alg"]) == header["alg"]
        ]

    def _of_metadata(self, client: Client) -> KeySet:
        jwks = client.jwks or {"keys": []}
        known = self._registered.get(client.client_id)
        if known is None or known[0] != jwks:
            if len(self._registered) >= _MOST_REMEMBERED:
                self._registered.clear()
            known = (jwks, KeySet.import_key_set(jwks))  # type: ignore[arg-type]  # JSON
            self._registered[client.client_id] = known
        return known[1]

    def _fetch(self, uri: str, known: _Remembered | None) -> _Remembered:
        found, now = self._download(uri), self._timer()
        if found is not None:
            remembered = _Remembered(found, now, now)
        elif known is not None and now - known.fresh < _STALE_SECONDS:
            remembered = _Remembered(known.keys, now, known.fresh)
        else:
            remembered = _Remembered(None, now, float("-inf"))
        if len(self._fetched) >= _MOST_REMEMBERED:
            self._fetched.clear()
        self._fetched[uri] = remembered
        return remembered

    def _download(self, uri: str) -> KeySet | None:
        try:
            answer = self._web.get(uri, accept="application/jwk-set+json")
        except PortUnavailable:
            return None
        document = read_object(answer.body) if answer.status == 200 else None  # noqa: PLR2004  OK
        keys = document.get("keys") if document else None
        return KeySet(list(_readable(keys))) if isinstance(keys, list) else None


def fits(key: Key, alg: str) -> bool:
    """Whether signatures of ``alg`` can be this key's: its kind, its curve, its size."""
    if alg not in _CURVES:
        return isinstance(key, RSAKey) and is_strong(key)
    return key.get("crv") == _CURVES[alg]


def is_strong(key: Key) -> bool:
    """Whether an RSA key has 2048 bits or more (RFC 7518, 3.3); others have one size each.

    Nor may it be one whose signatures cost us a hundred times what they cost the sender: a long
    exponent or a huge modulus. An even modulus is no key at all.
    """
    if not isinstance(key, RSAKey):
        return True
    numbers = key.public_key.public_numbers()
    size, exponent = numbers.n.bit_length(), numbers.e.bit_length()
    is_fair = size <= _MOST_RSA and exponent <= _MOST_EXPONENT
    return size >= _LEAST_RSA and is_fair and numbers.n % 2 == 1


def read_header(token: str) -> dict[str, Any] | None:
    """The header of a compact JWS, unchecked: only to choose which key to check with.

    ``alg`` and ``typ`` are texts or not there (RFC 7515, 4.1.1, 4.1.9).
    """
    if len(token) > _LONGEST_TOKEN or not token.isascii() or token.count(".") != 2:  # noqa: PLR2004
        return None
    try:
        header = read_object(unb64(token.partition(".")[0])) or {}
    except ValueError:
        return None
    are_texts = all(isinstance(header.get(name, ""), str) for name in ("alg", "typ"))
    return header if header and are_texts else None


def type_of(header: Mapping[str, Any]) -> str:
    """The media type of a JWT as it is compared; without one it is ``jwt``.

    Letters of either case say the same, with and without ``application/`` (RFC 7515, 4.1.9).
    """
    return str(header.get("typ", "JWT")).lower().removeprefix("application/")


def open_signed(token: str, key: Key, registry: JWSRegistry) -> dict[str, Any] | None:
    """The claims that ``key`` signed, or None."""
    try:
        payload = jws.deserialize_compact(token, key, registry=registry).payload
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    return read_object(payload or b"")


def _readable(keys: list[Any]) -> Iterator[Key]:
    """Those keys of a set that we can read; a strange one must not spoil the others."""
    for key in keys[:_MOST_KEYS]:
        if isinstance(key, dict) and key.get("kty") in _KINDS and has_texts(key):
            with contextlib.suppress(JoseError, ValueError, TypeError, KeyError):
                yield import_key(key)


def has_texts(key: dict[str, Any]) -> bool:
    """Whether what tells keys apart is text, as it must be (RFC 7517, 4)."""
    return all(isinstance(key.get(name, ""), str) for name in ("kid", "use", "alg", "crv"))


def _kids(keys: KeySet) -> set[str | None]:
    return {key.kid for key in keys.keys}
