"""Keys that never enter the database, and what they protect.

One master secret in ``keys/secret/`` gives every other key by HKDF. Personal data is sealed with
a key of its account, which is itself sealed with the master's: closing an account destroys its key
and so its data, in every backup too.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idp.domain.errors import IdpError

_VERSION = b"\x01"
_NONCE = 12


class Sealed(IdpError):
    """A sealed value cannot be opened: it was made for another context or with another key."""


class Seal:
    """AES-256-GCM with the context as associated data: a value moved elsewhere does not open."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Version byte, nonce, ciphertext."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._aead.encrypt(nonce, plaintext, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The inverse; raises ``Sealed``."""
        if sealed[:1] != _VERSION:
            raise Sealed("unknown version")
        try:
            return self._aead.decrypt(
                sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], context.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise Sealed("not for this context") from error

    def seal_text(self, text: str, *, context: str) -> bytes:
        """Seal a string."""
        return self.seal(text.encode(), context=context)

    def open_text(self, sealed: bytes, *, context: str) -> str:
        """Open a sealed string."""
        return self.open(sealed, context=context).decode()


class Vault(Seal):
    """The master secret and all that is derived from it."""

    __slots__ = ("__dict__", "_master")

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._keys: dict[str, bytes] = {}
        super().__init__(self.key("kek"))

    def key(self, label: str) -> bytes:
        """The 256-bit key for one purpose (RFC 5869)."""
        if label not in self._keys:
            derivation = HKDF(SHA256(), 32, salt=None, info=f"idp/{label}".encode())
            self._keys[label] = derivation.derive(self._master)
        return self._keys[label]

    def index(self, kind: str, value: str) -> bytes:
        """A keyed blind index: equal values are found, the value is not told."""
        message = f"{kind}\0{value}".encode()
        return hmac.new(self.key("blind-index"), message, hashlib.sha256).digest()

    def new_data_key(self, account_id: UUID) -> bytes:
        """A fresh key for one account, wrapped."""
        return self.seal(secrets.token_bytes(32), context=f"account {account_id}")

    def data_key(self, wrapped: bytes, account_id: UUID) -> Seal:
        """The unwrapped key of one account."""
        return _unwrap(self, bytes(wrapped), account_id)


@functools.lru_cache(maxsize=4096)
def _unwrap(vault: Vault, wrapped: bytes, account_id: UUID) -> Seal:
    return Seal(vault.open(wrapped, context=f"account {account_id}"))


def load_master(folder: Path) -> bytes | None:
    """The master secret, or None when there is none yet."""
    path = folder / "master.key"
    return path.read_bytes() if path.exists() else None


def create_master(folder: Path) -> bytes:
    """Make the master secret once; of two makers at once, both get the first one's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".master.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, folder / "master.key")
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return (folder / "master.key").read_bytes()
