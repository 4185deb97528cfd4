"""Signing keys: files under ``keys/signing``, announced before they sign, kept after.

    announced --(old enough, rotate)--> active --(rotate)--> retiring --(time over)--> deleted

Each key is ``<kid>.pem`` and ``<kid>.toml``. Every state but deleted stands in the JWKS, so no
relying party ever meets a signature it cannot check. Keys are read once and kept: importing an RSA
key costs as much as a hundred signatures.
"""

from __future__ import annotations

import enum
import fcntl
import functools
import os
import re
import secrets
import threading
import time
import tomllib
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from idp.ports import Clock

ALGORITHMS: Final = ("ES256", "RS256", "PS256", "EdDSA")
_RSA_BITS, _EXPONENT, _HALF = 2048, 65537, 32
_LOOK_AGAIN_SECONDS = 2.0
_MOST_REMEMBERED = 4096
_LONGEST_TOKEN = 8192
_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_RSA_PADDING: Final[Mapping[str, padding.PKCS1v15 | padding.PSS]] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(_SHA256), padding.PSS.DIGEST_LENGTH),
}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class KeyState(enum.StrEnum):
    """Where a key is in its life."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key; ``changed_at`` is when it came into its state."""

    kid: str
    alg: str
    state: KeyState
    changed_at: datetime
    private: PrivateKey

    def sign(self, message: bytes) -> bytes:
        """The raw signature of JWS (RFC 7518, 3.3 to 3.5; RFC 8037, 3.1)."""
        # By name, since asking for a class of cryptography's goes through Python four times.
        private: Any = self.private
        if self.alg == "ES256":
            r, s = decode_dss_signature(private.sign(message, _ECDSA))
            return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
        if self.alg == "EdDSA":
            signed: bytes = private.sign(message)
        else:
            signed = private.sign(message, _RSA_PADDING[self.alg], _SHA256)
        return signed

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's."""
        try:
            if isinstance(self.private, ed25519.Ed25519PrivateKey):
                self.private.public_key().verify(signature, message)
                return True
            if isinstance(self.private, rsa.RSAPrivateKey):
                public, mode = self.private.public_key(), _RSA_PADDING[self.alg]
                public.verify(signature, message, mode, _SHA256)
                return True
            if len(signature) != 2 * _HALF:
                return False
            r, s = (int.from_bytes(part, "big") for part in (signature[:_HALF], signature[_HALF:]))
            der = encode_dss_signature(r, s)
            self.private.public_key().verify(der, message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    @property
    def use(self) -> str:
        """``sig``, or ``enc`` for what others encrypt for us with (``decryption.py``)."""
        return "sig" if self.alg in ALGORITHMS else "enc"

    @property
    def is_published(self) -> bool:
        """What was signed is checked until it is old; nothing new is encrypted for an old key."""
        return self.use == "sig" or self.state is not KeyState.RETIRING

    @property
    def jwk(self) -> dict[str, str]:
        """The public half (RFC 7517)."""
        common = {"kid": self.kid, "use": self.use, "alg": self.alg}
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            point = b64(self.private.public_key().public_bytes_raw())
            return {"kty": "OKP", "crv": "Ed25519", "x": point, **common}
        if isinstance(self.private, rsa.RSAPrivateKey):
            rsa_numbers = self.private.public_key().public_numbers()
            return {
                "kty": "RSA",
                "n": _integer(rsa_numbers.n),
                "e": _integer(rsa_numbers.e),
                **common,
            }
        numbers = self.private.public_key().public_numbers()
        x, y = (b64(value.to_bytes(_HALF, "big")) for value in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y, **common}


class _Good(NamedTuple):
    """A token whose signature held: what verified it, and what it says."""

    kid: str
    typ: str
    payload: bytes


class KeyRing:
    """Every key of this installation, shared by all processes through the folder."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        announce: timedelta,
        retire: timedelta,
        algorithms: Sequence[str] = ALGORITHMS,
    ) -> None:
        self._folder, self._clock, self.algorithms = folder, clock, tuple(algorithms)
        self._announce, self._retire = announce, retire
        self._keys: dict[str, SigningKey] = {}
        self._active: dict[str, SigningKey] = {}
        self._headers: dict[tuple[str, str], bytes] = {}
        self._jwks = b""
        self._good: dict[str, _Good] = {}
        self._looked_at, self._stamp = 0.0, -1
        self._lock = threading.Lock()

    # --- using ----------------------------------------------------------------------------------

    def sign(self, alg: str, typ: str, claims: Mapping[str, Any]) -> str:
        """A JWT signed by the active key of ``alg`` (RFC 7515, compact)."""
        self._look()
        key = self._active[alg]
        header = self._headers.get((key.kid, typ))
        if header is None:
            header = b64(_encode({"alg": alg, "kid": key.kid, "typ": typ})).encode()
            self._headers[key.kid, typ] = header
        payload = _encode(claims)
        message = header + b"." + b64(payload).encode()
        token = f"{message.decode()}.{b64(key.sign(message))}"
        self._remember(token, _Good(key.kid, typ, payload))
        return token

    def verify(self, token: str, typ: str) -> dict[str, Any] | None:
        """The claims of a token that we signed, or None; ``exp`` is the caller's business.

        The key is ours by ``kid`` and fixes the algorithm: the header chooses nothing (RFC 8725).
        """
        self._look()
        good = self._good.get(token)
        if good is None or good.kid not in self._keys:
            good = self._check(token)
        return read_object(good.payload) if good and good.typ == typ else None

    def _check(self, token: str) -> _Good | None:
        """A token whose signature holds; it is not computed again while its key is here."""
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            return None
        try:
            message, signature = token.rsplit(".", 1)
            first, second = message.split(".")
            header = read_object(unb64(first)) or {}
            key = self._keys.get(str(header.get("kid")))
            if key is None or header.get("alg") != key.alg or "crit" in header:
                return None
            if not key.verifies(message.encode(), unb64(signature)):
                return None
            good = _Good(key.kid, str(header.get("typ")), unb64(second))
        except ValueError:
            return None
        self._remember(token, good)
        return good

    def _remember(self, token: str, good: _Good) -> None:
        if len(self._good) >= _MOST_REMEMBERED:
            self._good.clear()
        self._good[token] = good

    @property
    def jwks(self) -> bytes:
        """The public keys as they are served."""
        self._look()
        return self._jwks

    def of(self, alg: str) -> tuple[SigningKey, ...]:
        """The keys of an algorithm, in whatever state."""
        self._look()
        return tuple(key for key in self._keys.values() if key.alg == alg)

    def list(self) -> tuple[SigningKey, ...]:
        """Every key, oldest first; of the same moment, the one that signs first."""
        self._look(now=True)
        return tuple(
            sorted(
                self._keys.values(),
                key=lambda key: (key.alg, key.changed_at, key.state is not KeyState.ACTIVE),
            )
        )

    def signs_from(self) -> datetime | None:
        """When every announced key has been seen for long enough; None when none waits."""
        waiting = [key for key in self.list() if key.state is KeyState.ANNOUNCED]
        return max((key.changed_at + self._announce for key in waiting), default=None)

    # --- changing -------------------------------------------------------------------------------

    def ensure(self) -> None:
        """Make a key per algorithm where there is none: the first start."""
        with self._changing() as keys:
            have = {key.alg for key in keys if key.state is KeyState.ACTIVE}
            for alg in self.algorithms:
                if alg not in have:
                    self._write(self._new(alg, KeyState.ACTIVE))
        self._look(now=True)

    def rotate(self, only: Collection[str] = ()) -> None:
        """Announce a key per algorithm (or of ``only`` these); seen long enough, it signs."""
        with self._changing() as keys:
            now = self._clock()
            for alg in (each for each in self.algorithms if not only or each in only):
                ours = [key for key in keys if key.alg == alg]
                waiting = [key for key in ours if key.state is KeyState.ANNOUNCED]
                if not waiting:
                    self._write(self._new(alg, KeyState.ANNOUNCED))
                elif now - waiting[0].changed_at >= self._announce:
                    for key in ours:
                        if key.state is KeyState.ACTIVE:
                            self._write(replace(key, state=KeyState.RETIRING, changed_at=now))
                    self._write(replace(waiting[0], state=KeyState.ACTIVE, changed_at=now))
                for key in ours:
                    if key.state is KeyState.RETIRING and now - key.changed_at > self._retire:
                        self._delete(key)
        self._look(now=True)

    def _new(self, alg: str, state: KeyState) -> SigningKey:
        return SigningKey(secrets.token_hex(8), alg, state, self._clock(), _generate(alg))

    def _write(self, key: SigningKey) -> None:
        pem = self._folder / f"{key.kid}.pem"
        if not pem.exists():
            data = key.private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            with os.fdopen(os.open(pem, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
        text = (
            f'alg = "{key.alg}"\nstate = "{key.state}"\nchanged_at = {key.changed_at.isoformat()}\n'
        )
        draft = self._folder / f".{key.kid}.{secrets.token_hex(4)}"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._folder / f"{key.kid}.toml")

    def _delete(self, key: SigningKey) -> None:
        for suffix in ("toml", "pem"):
            (self._folder / f"{key.kid}.{suffix}").unlink(missing_ok=True)

    @contextmanager
    def _changing(self) -> Iterator[tuple[SigningKey, ...]]:
        """One changer at a time, over all processes."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield tuple(self._read().values())

    # --- reading --------------------------------------------------------------------------------

    def _look(self, *, now: bool = False) -> None:
        """See changes that another process made; at most every two seconds."""
        moment = time.monotonic()
        if not now and moment - self._looked_at < _LOOK_AGAIN_SECONDS:
            return
        with self._lock:
            self._looked_at = moment
            stamp = self._folder.stat().st_mtime_ns if self._folder.exists() else 0
            if stamp == self._stamp and not now:
                return
            keys = self._read()
            self._keys, self._stamp = keys, stamp
            self._active = {key.alg: key for key in keys.values() if key.state is KeyState.ACTIVE}
            shown = [key.jwk for key in keys.values() if key.is_published]
            self._jwks = _encode({"keys": shown})

    def _read(self) -> dict[str, SigningKey]:
        found = {}
        for path in sorted(self._folder.glob("*.toml")):
            known = self._keys.get(path.stem)
            try:
                about = tomllib.loads(path.read_text(encoding="utf-8"))
                private = known.private if known else _import(path.with_suffix(".pem"))
            except FileNotFoundError:
                continue
            key = SigningKey(
                path.stem, about["alg"], KeyState(about["state"]), about["changed_at"], private
            )
            found[key.kid] = key
        return found


def _generate(alg: str) -> PrivateKey:
    if alg in _RSA_PADDING or alg.startswith("RSA"):
        return rsa.generate_private_key(_EXPONENT, _RSA_BITS)
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def _import(path: Path) -> PrivateKey:
    return _import_pem(path.read_bytes())


@functools.lru_cache(maxsize=64)
def _import_pem(pem: bytes) -> PrivateKey:
    """Read once a process: checking an RSA key costs as much as a hundred signatures."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, PrivateKey):
        raise TypeError("a signing key of another kind")
    return key


_encode = msgspec.json.Encoder().encode
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515, 2)."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The inverse; raises ``ValueError``, also for a sign that Python would pass over."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("no base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_object(data: bytes) -> dict[str, Any] | None:
    """A JSON object from somebody else, or None: no NaN, no half characters, no endless depth."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (ValueError, RecursionError):
        return None


def _integer(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))
