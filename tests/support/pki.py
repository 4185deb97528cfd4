"""A test PKI whose certificates may be wrong in any one way."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from idp.domain.certificates import Authority, TrustStore
from idp.domain.subjects import SubjectKind
from tests.support.build import NOW

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CITIZEN, ENTERPRISE, AGENCY = SubjectKind.CITIZEN, SubjectKind.ENTERPRISE, SubjectKind.AGENCY
PEOPLE = frozenset({CITIZEN, ENTERPRISE})
YEAR = timedelta(days=365)
ORIGIN = "https://id.example.vn"
NONCE = base64.b64encode(b"n" * 32).decode()


@cache
def key_of(kind: str, number: int = 0) -> Key:
    """Keys are made once: tests are about certificates."""
    del number
    if kind in _RSA:
        bits, exponent = _RSA[kind]
        return rsa.generate_private_key(public_exponent=exponent, key_size=bits)
    return ec.generate_private_key(_CURVES.get(kind, ec.SECP256R1)())


_RSA = {"rsa": (2048, 65537), "rsa1024": (1024, 65537), "rsa3": (2048, 3)}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p224": ec.SECP224R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
    "k256": ec.SECP256K1,
}


def usage(*on: str) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in on for name in names})


def name(common_name: str, *user_ids: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN")]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    if common_name:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name([*parts, *(x509.NameAttribute(NameOID.USER_ID, uid) for uid in user_ids)])


SOUND: tuple[tuple[x509.ExtensionType, bool], ...] = (
    (x509.BasicConstraints(ca=False, path_length=None), True),
    (usage("digital_signature", "content_commitment"), True),
)


@dataclass
class Ca:
    """An authority that signs whatever it is told to."""

    common_name: str
    issuer: Ca | None = None
    key_number: int = 0
    path_length: int | None = None
    starts: datetime = NOW - YEAR
    ends: datetime = NOW + 10 * YEAR
    key: Key = field(init=False)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.key = key_of("ca", hash((self.common_name, self.key_number)))
        signer = self.issuer or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name(self.common_name))
            .issuer_name(name(signer.common_name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.starts)
            .not_valid_after(self.ends)
            .add_extension(x509.BasicConstraints(ca=True, path_length=self.path_length), True)
            .add_extension(usage("key_cert_sign", "crl_sign"), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
                False,
            )
            .sign(signer.key, hashes.SHA256())
        )

    def leaf(self, **changes: Any) -> x509.Certificate:
        """A citizen's sound certificate, with changes."""
        wanted: dict[str, Any] = {
            "subject": name("NGUYỄN VĂN HOÀ", "CCCD:001072000136"),
            "key": key_of("p256"),
            "extensions": SOUND,
            "more": (),
            "starts": NOW - YEAR,
            "ends": NOW + YEAR,
            "serial": x509.random_serial_number(),
            "hash": hashes.SHA256(),
            "signer": self,
            **changes,
        }
        builder = (
            x509.CertificateBuilder()
            .subject_name(wanted["subject"])
            .issuer_name(self.certificate.subject)
            .public_key(wanted["key"].public_key())
            .serial_number(wanted["serial"])
            .not_valid_before(wanted["starts"])
            .not_valid_after(wanted["ends"])
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )
        for extension, critical in (*wanted["extensions"], *wanted["more"]):
            builder = builder.add_extension(extension, critical)
        return builder.sign(wanted["signer"].key, wanted["hash"])

    def authority(self, kinds: frozenset[SubjectKind] = PEOPLE, **changes: Any) -> Authority:
        return Authority(self.common_name, kinds, self.certificate, **changes)


@dataclass(frozen=True)
class Pki:
    """The national and the government's hierarchy."""

    root: Ca
    newtel: Ca
    government_root: Ca
    government: Ca

    def store(self, **changes: Any) -> TrustStore:
        only_agencies = frozenset({AGENCY})
        return TrustStore(
            [
                self.root.authority(),
                self.newtel.authority(**changes),
                self.government_root.authority(only_agencies),
                self.government.authority(only_agencies, **changes),
            ]
        )


@cache
def pki() -> Pki:
    root = Ca("Vietnam National Root CA")
    government_root = Ca("Co quan chung thuc so chuyen dung Chinh phu (RootCA)")
    return Pki(
        root,
        Ca("NEWTEL-CA v2", root, path_length=0),
        government_root,
        Ca("Co quan chung thuc so Chinh phu", government_root, path_length=0),
    )


# --- Web eID tokens, made by another hand than the verifier's -----------------------------------

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def digest(text: str, algorithm: hashes.HashAlgorithm) -> bytes:
    hasher = hashes.Hash(algorithm)
    hasher.update(text.encode())
    return hasher.finalize()


def sign(key: Key, algorithm: str, message: bytes) -> bytes:
    chosen = _HASHES[algorithm[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm.startswith("PS"):
            pss = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
            return key.sign(message, pss, chosen)
        return key.sign(message, padding.PKCS1v15(), chosen)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(chosen)))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


def token(  # noqa: PLR0913  keywords
    certificate: x509.Certificate,
    key: Key,
    *,
    algorithm: str = "ES256",
    origin: str = ORIGIN,
    nonce: str = NONCE,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
) -> str:
    """A token as the signing tool makes it; ``change`` may spoil it."""
    chosen = _HASHES[algorithm[2:]]
    message = digest(origin, chosen) + digest(nonce, chosen)
    fields = {
        "unverifiedCertificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "algorithm": algorithm,
        "signature": base64.b64encode(sign(key, algorithm, message)).decode(),
        "format": "web-eid:1.0",
        "appVersion": "https://example.vn/tool/1",
    }
    change(fields)
    return json.dumps(fields)
