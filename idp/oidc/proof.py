"""Proof of possession: DPoP (RFC 9449) and certificates (RFC 8705, section 3).

A proof is for one request: its method, its address, this minute, once. What it proves is the
thumbprint of a key, which then stands in the token (``cnf``), so a stolen token is worth nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OctKey, import_key
from joserfc.jws import JWSRegistry

from idp.domain.clients import Client, SigningAlg
from idp.oidc.calls import Call
from idp.oidc.client_keys import fits, open_signed, read_header
from idp.oidc.errors import InvalidDpopProofError, InvalidRequestError, UseDpopNonceError
from idp.oidc.keys import b64
from idp.storage.single_use import SingleUse

ALGORITHMS: Final = (SigningAlg.ES256, SigningAlg.PS256, SigningAlg.EDDSA)
"""Those of FAPI 2.0 (5.4.1) for everybody: no proof has an old library to be kind to."""
# A header may say more than we read (RFC 7515, 4).
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_REGISTRY.max_header_length = 8192  # the key stands in it, and one of RSA is long
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PAST, _FUTURE = 300, 60
_LONGEST_JTI = 256
_NONCE_SECONDS = 300


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token is bound to: the thumbprint of a DPoP key or of a certificate, or nothing."""

    jkt: str = ""
    x5t: str = ""

    @property
    def cnf(self) -> dict[str, str]:
        """The ``cnf`` claim (RFC 9449, 6.1; RFC 8705, 3.1)."""
        dpop = {"jkt": self.jkt} if self.jkt else {}
        return {**dpop, "x5t#S256": self.x5t} if self.x5t else dpop

    @property
    def token_type(self) -> str:
        """How the token is presented."""
        return "DPoP" if self.jkt else "Bearer"


UNBOUND: Final = Binding()


@dataclass(frozen=True, slots=True)
class Proofs:
    """Checks proofs. ``nonce_key`` is set where proofs must carry our nonce (RFC 9449, 8)."""

    bases: tuple[str, ...]
    single_use: SingleUse
    nonce_key: bytes | None = None

    def bind(self, call: Call, client: Client, *, now: datetime) -> Binding:
        """What a token for this request is bound to.

        Raises ``InvalidDpopProofError``, ``UseDpopNonceError``, ``InvalidRequestError``.
        """
        jkt = self.check(call, now=now) if call.dpop else ""
        if client.dpop_bound_access_tokens and not jkt:
            raise InvalidDpopProofError("a DPoP proof is required")
        x5t = ""
        if client.tls_client_certificate_bound_access_tokens:
            if call.certificate is None:
                raise InvalidRequestError("a client certificate is required")
            x5t = thumbprint(call.certificate)
        return Binding(jkt, x5t) if jkt or x5t else UNBOUND

    def holds(self, binding: Binding, call: Call, token: str, *, now: datetime) -> bool:
        """Whether the caller has what a token is bound to (RFC 9449, 7; RFC 8705, 3).

        Raises as ``check``.
        """
        if binding.x5t and (
            call.certificate is None or thumbprint(call.certificate) != binding.x5t
        ):
            return False
        if binding.jkt:
            return bool(call.dpop) and self.check(call, now=now, token=token) == binding.jkt
        return not call.dpop

    def check(self, call: Call, *, now: datetime, token: str | None = None) -> str:
        """The thumbprint of the key that made the proof (RFC 9449, 4.3).

        Raises ``InvalidDpopProofError``, ``UseDpopNonceError``.
        """
        if len(call.dpop) != 1:
            raise InvalidDpopProofError("exactly one DPoP proof is expected")
        key, claims = _open(call.dpop[0])
        seconds = int(now.timestamp())
        self._check_request(call, claims, seconds)
        if token is not None:
            digest = b64(hashlib.sha256(token.encode()).digest())
            if claims.get("ath") != digest:  # what is hashed lies open: no secret to time
                raise InvalidDpopProofError("ath is not the hash of the access token")
        self._check_nonce(claims, seconds)
        jkt = key.thumbprint()
        self._spend(jkt, claims, seconds)
        return jkt

    def _check_request(self, call: Call, claims: Mapping[str, Any], seconds: int) -> None:
        if claims.get("htm") != call.method:
            raise InvalidDpopProofError("htm is not the method of the request")
        if not isinstance(claims.get("htu"), str) or _plain(claims["htu"]) not in {
            _plain(f"{base}{call.path}") for base in self.bases
        }:
            raise InvalidDpopProofError("htu is not the address of the request")
        made = claims.get("iat")
        if isinstance(made, bool) or not isinstance(made, int | float):
            raise InvalidDpopProofError("iat is missing")
        if not seconds - _PAST <= made <= seconds + _FUTURE:
            raise InvalidDpopProofError("the proof is too old or from the future")

    def _spend(self, jkt: str, claims: Mapping[str, Any], seconds: int) -> None:
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            raise InvalidDpopProofError("jti is missing")
        key = hashlib.sha256(f"{jkt}\0{jti}".encode()).digest()
        until = datetime.fromtimestamp(seconds, UTC) + timedelta(seconds=_PAST + _FUTURE + 60)
        if not self.single_use.spend("dpop", key, expires_at=until):
            raise InvalidDpopProofError("the proof was used before")

    # --- nonces ---------------------------------------------------------------------------------

    def nonce(self, *, now: datetime) -> str | None:
        """The nonce of this time, where nonces are wanted."""
        return self._nonce(int(now.timestamp()) // _NONCE_SECONDS) if self.nonce_key else None

    def _check_nonce(self, claims: Mapping[str, Any], seconds: int) -> None:
        if self.nonce_key is None:
            return
        current = seconds // _NONCE_SECONDS
        given = str(claims.get("nonce", "")).encode()
        known = [self._nonce(at).encode() for at in (current, current - 1)]
        if not any(hmac.compare_digest(given, each) for each in known):
            raise UseDpopNonceError("the proof needs the nonce of this answer")

    def _nonce(self, period: int) -> str:
        message = f"dpop {period}".encode()
        return b64(hmac.digest(self.nonce_key or b"", message, "sha256")[:16])


def _open(proof: str) -> tuple[Key, dict[str, Any]]:
    """The key in the header and the claims it signed (RFC 9449, 4.2)."""
    header = read_header(proof)
    if header is None or header.get("typ") != "dpop+jwt" or "crit" in header:
        raise InvalidDpopProofError("the proof is no DPoP proof")
    jwk, alg = header.get("jwk"), header.get("alg")
    if alg not in ALGORITHMS or not isinstance(jwk, dict) or _PRIVATE & set(jwk):
        raise InvalidDpopProofError("the proof needs an asymmetric alg and a public jwk")
    try:
        key = import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        raise InvalidDpopProofError("jwk is no key") from None
    if not fits(key, str(alg)):
        raise InvalidDpopProofError("the key does not fit the alg, or has a size that nobody needs")
    claims = open_signed(proof, key, _REGISTRY)
    if claims is None:
        raise InvalidDpopProofError("the signature of the proof does not hold")
    return key, claims


def _plain(uri: str) -> str:
    """An address without query and fragment, its scheme and host in small letters (4.3, 9)."""
    try:
        parts = urlsplit(uri)
        port = f":{parts.port}" if parts.port not in {None, _PORTS.get(parts.scheme)} else ""
    except ValueError:
        return ""
    if "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path or '/'}"


_PORTS = {"https": 443, "http": 80}


# --- certificates ---------------------------------------------------------------------------------


BAD_CERTIFICATE: Final = (
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What reading a strange certificate can raise, besides ``ValueError``."""


def thumbprint(certificate: bytes) -> str:
    """``x5t#S256`` of a certificate in DER (RFC 8705, 3.1)."""
    return b64(hashlib.sha256(certificate).digest())


def is_key_of(certificate: bytes, keys: KeySet) -> bool:
    """Whether a self-signed certificate is one that the client registered (RFC 8705, 2.2)."""
    try:
        found = x509.load_der_x509_certificate(certificate).public_key()
        wanted = found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, *BAD_CERTIFICATE):
        return False
    return any(_matches(key, certificate, wanted) for key in keys.keys)


def _matches(key: Key, certificate: bytes, public: bytes) -> bool:
    chain = key.as_dict().get("x5c")
    if isinstance(chain, list) and chain:
        try:
            return b64decode(str(chain[0]), validate=True) == certificate
        except ValueError:
            return False
    return not isinstance(key, OctKey) and key.as_der(private=False) == public
