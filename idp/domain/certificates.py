"""Certificates: may this one vouch, and for whom (pki.md 1 and 4).

The path is built only from configured authorities, never from what the client sent. Revocation is
another matter (``idp.ports.CertificateStatus``): it is asked after the path is proven.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, cached_property
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from idp.domain.errors import DomainError
from idp.domain.subjects import SubjectKind

_PATH_LENGTH = 3
_RSA_BITS = range(2048, 8193)
_RSA_EXPONENT = 65537
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PSS_KEY: Final = bytes.fromhex("06092a864886f70d01010a")
"""The OID id-RSASSA-PSS inside a SubjectPublicKeyInfo."""


class CertificateRefused(DomainError):
    """A certificate that proves nothing here; ``code`` is the reason, ``values`` for its text."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code)
        self.values = values


@dataclass(frozen=True)
class Authority:
    """A CA that we accept, as ``keys/trust`` describes it.

    ``kinds`` are the subjects it may vouch for. ``issues_subscribers`` allows a root to sign
    people's certificates itself. ``policies`` are the certificate policies (OIDs) of which a
    certificate must name one, where there are any; ``refused_policies`` those it must not name.
    """

    label: str
    kinds: frozenset[SubjectKind]
    certificate: x509.Certificate
    ocsp_url: str = ""
    crl_url: str = ""
    agency_prefixes: tuple[str, ...] = ("MDV",)
    issues_subscribers: bool = False
    accept_staff_certificates: bool = False
    accept_email_protection: bool = False
    accept_bare_uid: bool = False
    policies: frozenset[str] = frozenset()
    refused_policies: frozenset[str] = frozenset()

    @cached_property
    def is_root(self) -> bool:
        """Whether it is its own issuer."""
        return self.certificate.subject == self.certificate.issuer

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of its name: what credentials remember of their issuer."""
        return hashlib.sha256(self.certificate.subject.public_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Path:
    """A proven path: the certificate, then its authorities up to the root."""

    leaf: x509.Certificate
    authorities: tuple[Authority, ...]

    @property
    def issuer(self) -> Authority:
        """Who signed the certificate."""
        return self.authorities[0]

    @property
    def key(self) -> str:
        """What names this very certificate: its issuer and its number there."""
        return f"{self.issuer.fingerprint} {self.leaf.serial_number:x}"

    @property
    def spki_sha256(self) -> str:
        """The fingerprint of its public key."""
        spki = self.leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(spki).hexdigest()


class TrustStore:
    """The authorities; an anchor vouches only for the kinds of subject it is configured for."""

    def __init__(self, authorities: Iterable[Authority]) -> None:
        self.authorities = tuple(authorities)
        self._by_certificate = {a.certificate: a for a in self.authorities}

    def prove(self, leaf: x509.Certificate, *, now: datetime) -> Path:
        """The path from ``leaf`` to a root that is configured, valid at ``now``.

        Raises ``CertificateRefused``: ``certificate_unknown_ca``, ``certificate_expired``,
        ``certificate_not_yet``, ``certificate_use``, ``certificate_key``.
        """
        _check_form(leaf)
        try:
            path = self._path(leaf, now)
        except verification.VerificationError:
            self._explain(leaf, now)
            raise CertificateRefused("certificate_unknown_ca") from None
        _check_use(path)
        _check_policies(path)
        _check_key(leaf)
        return path

    def chain(self, fingerprint: str) -> tuple[Authority, ...]:
        """The authority of that name and those above it; empty when it is trusted no more."""
        found = next((a for a in self.authorities if a.fingerprint == fingerprint), None)
        chain: list[Authority] = []
        while found is not None and found not in chain:
            chain.append(found)
            found = None if found.is_root else self._issuer_of(found)
        return tuple(chain) if chain and chain[-1].is_root else ()

    def _issuer_of(self, authority: Authority) -> Authority | None:
        for candidate in self.authorities:
            try:
                authority.certificate.verify_directly_issued_by(candidate.certificate)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return candidate
        return None

    def _path(self, leaf: x509.Certificate, now: datetime) -> Path:
        """Path building by the library; the names of our authorities never decide."""
        roots = [a.certificate for a in self.authorities if a.is_root]
        if not roots:
            raise CertificateRefused("certificate_unknown_ca")
        between = [a.certificate for a in self.authorities if not a.is_root]
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store(roots))
            .time(now)
            .max_chain_depth(_PATH_LENGTH)
            .extension_policies(
                ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
                ee_policy=_leaf_policy(),
            )
            .build_client_verifier()
        )
        try:
            chain = verifier.verify(leaf, between).chain
        except ValueError as error:
            raise verification.VerificationError(str(error)) from error
        path = Path(leaf, tuple(self._by_certificate[found] for found in chain[1:]))
        if not path.authorities:
            raise CertificateRefused("certificate_unknown_ca")
        if path.issuer.is_root and not path.issuer.issues_subscribers:
            raise CertificateRefused("certificate_unknown_ca")
        return path

    def _explain(self, leaf: x509.Certificate, now: datetime) -> None:
        """Tell a certificate of ours that is out of date from one that never was ours."""
        first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        if first <= now <= last:
            self._explain_use(leaf)
            return
        try:
            path = self._path(leaf, last if now > last else first)
        except verification.VerificationError:
            return
        if now > last:
            raise CertificateRefused("certificate_expired", date=day(last), ca=path.issuer.label)
        raise CertificateRefused("certificate_not_yet", date=day(first), ca=path.issuer.label)

    def _explain_use(self, leaf: x509.Certificate) -> None:
        """Tell a certificate of ours that is made for something else."""
        issuers = [a for a in self.authorities if a.certificate.subject == leaf.issuer]
        for issuer in issuers:
            try:
                leaf.verify_directly_issued_by(issuer.certificate)
            except (ValueError, TypeError, InvalidSignature):
                continue
            if not _may_sign(leaf):
                raise CertificateRefused("certificate_use")


def load(der: bytes) -> x509.Certificate:
    """A certificate from what a client sent, read to its last field.

    The library reads fields when they are asked for; here a broken one is found at once. Raises
    ``CertificateRefused('certificate_form')``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what the library only frowns at is no certificate
            certificate = x509.load_der_x509_certificate(der)
            _read_all(certificate)
    except (*_BROKEN, Warning):
        raise CertificateRefused("certificate_form") from None
    return certificate


_BROKEN = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def _read_all(certificate: x509.Certificate) -> None:
    """Ask for every field that anybody here will ask for."""
    for field in (
        "version",
        "serial_number",
        "subject",
        "issuer",
        "not_valid_before_utc",
        "not_valid_after_utc",
        "extensions",
        "signature_algorithm_oid",
    ):
        getattr(certificate, field)


# --- what the certificate may do ----------------------------------------------------------------


def _leaf_policy() -> verification.ExtensionPolicy:
    """Any extension the library knows; keyUsage must be there; a CA is not a person."""
    return (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _demand_signature)
        .may_be_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _demand_person)
    )


def _demand_signature(
    policy: object, certificate: x509.Certificate, extension: x509.KeyUsage
) -> None:
    del policy, certificate
    if not extension.digital_signature:
        msg = "keyUsage without digitalSignature"
        raise ValueError(msg)


def _demand_person(
    policy: object, certificate: x509.Certificate, extension: x509.BasicConstraints | None
) -> None:
    del policy, certificate
    if extension is not None and extension.ca:
        msg = "a CA certificate is nobody's"
        raise ValueError(msg)


def _check_form(leaf: x509.Certificate) -> None:
    try:
        extensions = leaf.extensions
        leaf.public_key()
    except _BROKEN:
        raise CertificateRefused("certificate_form") from None
    except UnsupportedAlgorithm:
        raise CertificateRefused("certificate_key") from None
    if any(isinstance(found.value, x509.NameConstraints) for found in extensions):
        raise CertificateRefused("certificate_use")


def _may_sign(leaf: x509.Certificate) -> bool:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.digital_signature


def _check_use(path: Path) -> None:
    """No extended usage, or one that is for clients (Web eID; pki.md 11)."""
    try:
        usages = set(path.leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    accepted = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if path.issuer.accept_email_protection:
        accepted.add(ExtendedKeyUsageOID.EMAIL_PROTECTION)
    if usages.isdisjoint(accepted):
        raise CertificateRefused("certificate_use")


def _check_policies(path: Path) -> None:
    """The certificate's own policies, where the operator named some (pki.md 3.2 and 4).

    ``anyPolicy`` in a certificate of a person stands for none of them.
    """
    wanted, unwanted = path.issuer.policies, path.issuer.refused_policies
    if not wanted and not unwanted:
        return
    try:
        found = path.leaf.extensions.get_extension_for_class(x509.CertificatePolicies).value
        named = {policy.policy_identifier.dotted_string for policy in found}
    except x509.ExtensionNotFound:
        named = set()
    if (wanted and wanted.isdisjoint(named)) or not unwanted.isdisjoint(named):
        raise CertificateRefused("certificate_use")


def _check_key(leaf: x509.Certificate) -> None:
    key = leaf.public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    match key:
        case rsa.RSAPublicKey():
            numbers = key.public_numbers()
            is_sound = (
                key.key_size in _RSA_BITS
                and numbers.e >= _RSA_EXPONENT
                and _PSS_KEY not in spki[:32]
                and not has_roca_fingerprint(numbers.n)
            )
        case ec.EllipticCurvePublicKey():
            is_sound = isinstance(key.curve, _CURVES)
        case _:
            is_sound = False
    if not is_sound:
        raise CertificateRefused("certificate_key")


_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def has_roca_fingerprint(modulus: int) -> bool:
    """Whether a modulus is of the weak generator of CVE-2017-15361: a power of 65537 mod each."""
    return all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES)


@cache
def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(_RSA_EXPONENT, exponent, prime) for exponent in range(prime))


def day(moment: datetime) -> str:
    """The day in Vietnam, dd/mm/yyyy."""
    return moment.astimezone(_VIETNAM).strftime("%d/%m/%Y")


_VIETNAM = timezone(timedelta(hours=7))
