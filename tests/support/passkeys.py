"""A small authenticator in software: what a phone or security key does (Web Authentication, 6).

It believes nothing and hides nothing, so that a test can also make it lie.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

ORIGIN, RP_ID = "http://localhost:8000", "localhost"
PRESENT, VERIFIED, ELIGIBLE, STATE, ATTESTED = 1, 4, 8, 16, 64


@dataclass
class Passkey:
    """One key pair; ``synced`` when it follows its owner between devices."""

    synced: bool = False
    flags: int = PRESENT | VERIFIED
    rp_id: str = RP_ID
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def name(self) -> str:
        return bytes_to_base64url(self.id)

    def makes(self, nonce: str, **lies: Any) -> str:
        """The answer to ``navigator.credentials.create``."""
        client = self._client("webauthn.create", nonce, **lies)
        data = self._data(ATTESTED) + bytes(16) + len(self.id).to_bytes(2) + self.id + self._cose()
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(client, attestationObject=attestation)

    def signs(self, nonce: str, **lies: Any) -> str:
        """The answer to ``navigator.credentials.get``."""
        client, data = self._client("webauthn.get", nonce, **lies), self._data(0)
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(client, authenticatorData=data, signature=signed)

    def _client(
        self, kind: str, nonce: str, *, origin: str = ORIGIN, type_: str | None = None
    ) -> bytes:
        asked = {"type": type_ or kind, "challenge": nonce, "origin": origin}
        return json.dumps({**asked, "crossOrigin": False}).encode()

    def _data(self, more: int) -> bytes:
        flags = self.flags | more | (ELIGIBLE | STATE if self.synced else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + bytes(4)

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        return cbor2.dumps({1: 2, 3: -7, -1: 1, **point})

    def _answer(self, client: bytes, **parts: bytes) -> str:
        response = {name: bytes_to_base64url(part) for name, part in parts.items()}
        return json.dumps(
            {
                "id": self.name,
                "rawId": self.name,
                "type": "public-key",
                "clientExtensionResults": {},
                "response": {"clientDataJSON": bytes_to_base64url(client), **response},
            }
        )
