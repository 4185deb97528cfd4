"""A CA of the test's own, and the certificates that a TLS front meets."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Held:
    """A certificate with its key, in files as TLS wants them."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: Path
    secret: Path

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def subject(name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sở Nội vụ tỉnh X")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def hold(  # noqa: PLR0913  keywords
    folder: Path,
    file: str,
    *,
    name: str,
    issuer: Held | None = None,
    hosts: tuple[str, ...] = (),
    is_ca: bool = False,
    age: timedelta = _DAY,
) -> Held:
    """A certificate signed by ``issuer``, or by itself; good for ten days after it began."""
    key = ec.generate_private_key(ec.SECP256R1())
    begins = datetime.now(UTC) - age
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(issuer.certificate.subject if issuer else subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + 10 * _DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    chain, secret = folder / f"{file}.pem", folder / f"{file}.key"
    chain.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Held(made, key, chain, secret)


def trusting(authority: Held, own: Held | None = None) -> ssl.SSLContext:
    """A caller that trusts one CA and may show a certificate."""
    context = ssl.create_default_context(cafile=str(authority.chain))
    if own:
        context.load_cert_chain(own.chain, own.secret)
    return context
