"""Is a certificate revoked? OCSP first, the CRL when OCSP cannot be reached, else no (S16).

Only certificates whose path is proven come here, and only addresses that the operator configured
are fetched. An OCSP answer that is forged or about something else is not softened by a CRL: it is
an attack, and it is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path as Folder
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from idp.adapters.http import Fetcher
from idp.config import Config
from idp.domain.certificates import Authority, Path
from idp.domain.errors import PortAnswerInvalid, PortUnavailable
from idp.metrics import Meter
from idp.ports import Good, Revocation, Revoked, Unknown

NAME = "ocsp"
_OLDEST = timedelta(minutes=15)
_SKEW = timedelta(seconds=60)
_REMEMBERED = 300.0
_OCSP_BYTES, _CRL_BYTES = 1_000_000, 50_000_000
_MOST_REMEMBERED = 10_000


class Fetch(Protocol):
    """One bounded HTTP request (``idp.adapters.http.Fetcher``). Raises ``PortUnavailable``."""

    def __call__(self, url: str, *, body: bytes | None, content_type: str, most: int) -> bytes:
        """The body of a 200."""


@dataclass(frozen=True, slots=True)
class _Crl:
    revoked: Mapping[int, datetime]
    next_update: datetime
    refresh_at: datetime


class RevocationChecker:
    """Asks the CAs, and remembers good answers for five minutes at most.

    Lists of revoked certificates are kept in ``folder`` as well, for the next process; what lies
    there is believed no more than what a CA sends.
    """

    def __init__(
        self,
        fetch: Fetch,
        timer: Callable[[], float] = time.monotonic,
        *,
        folder: Folder | None = None,
    ) -> None:
        self._fetch, self._timer, self._lock = fetch, timer, threading.Lock()
        self._good: dict[str, float] = {}
        self._crls: dict[str, _Crl] = {}
        self._folder = folder

    def check(self, path: Path, *, now: datetime) -> Revocation:
        """The state of the certificate and of the authorities on its path.

        Raises ``PortUnavailable`` when nobody answers, ``PortAnswerInvalid`` for a false answer.
        """
        with self._lock:
            until = self._good.get(path.key, 0.0)
        if until > self._timer():
            return Good()
        found = self.check_number(path.authorities, path.leaf.serial_number, now=now)
        if found == Good():
            self._remember(path.key)
        return found

    def check_number(
        self, authorities: tuple[Authority, ...], number: int, *, now: datetime
    ) -> Revocation:
        """The same for a certificate of which only its issuer and its number are known."""
        for authority, issuer in itertools.pairwise(authorities):
            serial = authority.certificate.serial_number
            found = self._listed(serial, issuer, now=now) if issuer.crl_url else Good()
            if isinstance(found, Revoked):
                return Revoked(found.at, authority.label)
        return self._ask(authorities[0], number, now=now)

    def _ask(self, issuer: Authority, number: int, *, now: datetime) -> Revocation:
        if not issuer.ocsp_url and not issuer.crl_url:
            raise PortUnavailable(NAME, f"{issuer.label}: no address to ask")
        if issuer.ocsp_url:
            try:
                return self._ocsp(number, issuer, now=now)
            except PortUnavailable:
                if not issuer.crl_url:
                    raise
        return self._listed(number, issuer, now=now)

    def _remember(self, key: str) -> None:
        with self._lock:
            if len(self._good) >= _MOST_REMEMBERED:
                self._good.clear()
            self._good[key] = self._timer() + _REMEMBERED

    # --- OCSP (RFC 6960) ------------------------------------------------------------------------

    def _ocsp(self, number: int, issuer: Authority, *, now: datetime) -> Revocation:
        nonce = secrets.token_bytes(32)
        question = (
            ocsp.OCSPRequestBuilder()
            .add_certificate_by_hash(*_names(issuer.certificate), number, hashes.SHA256())
            .add_extension(x509.OCSPNonce(nonce), critical=False)
            .build()
        )
        data = self._fetch(
            issuer.ocsp_url,
            body=question.public_bytes(Encoding.DER),
            content_type="application/ocsp-request",
            most=_OCSP_BYTES,
        )
        answer = _load_ocsp(data)
        if answer.response_status in _LATER:
            raise PortUnavailable(NAME, str(answer.response_status))
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise PortAnswerInvalid(NAME, str(answer.response_status))
        single = _only_one(answer)
        _check_question(single, question)
        _check_responder(answer, issuer.certificate, now=now)
        _check_times(single, now=now)
        _check_nonce(answer, nonce)
        return _state_of(single)

    # --- CRL (RFC 5280, 5) ----------------------------------------------------------------------

    def _listed(self, number: int, issuer: Authority, *, now: datetime) -> Good | Revoked:
        at = self._crl(issuer, now=now).revoked.get(number)
        return Good() if at is None else Revoked(at)

    def _crl(self, issuer: Authority, *, now: datetime) -> _Crl:
        """The list, fetched again at half of its time; an old one serves until it dies."""
        with self._lock:
            known = self._crls.get(issuer.crl_url)
        if known is None or now >= known.refresh_at:
            known = self._kept(issuer, now=now) or known
        if known is not None and now < known.refresh_at:
            return known
        try:
            data = self._fetch(issuer.crl_url, body=None, content_type="", most=_CRL_BYTES)
            fresh = _read_crl(data, issuer.certificate, now=now)
        except PortUnavailable:
            if known is not None and now < known.next_update:
                return known
            raise
        self._keep(issuer, data)
        with self._lock:
            self._crls[issuer.crl_url] = fresh
        return fresh

    def _kept(self, issuer: Authority, *, now: datetime) -> _Crl | None:
        """What another process, or this one before its restart, fetched; checked as if sent."""
        if self._folder is None:
            return None
        try:
            data = (self._folder / _file_of(issuer)).read_bytes()
            found = _read_crl(data, issuer.certificate, now=now)
        except (OSError, PortAnswerInvalid):
            return None
        with self._lock:
            self._crls[issuer.crl_url] = found
        return found

    def _keep(self, issuer: Authority, data: bytes) -> None:
        """Replace the file whole; a disk that is full costs a fetch, not an answer."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            new = self._folder / f"{secrets.token_hex(8)}.new"
            new.write_bytes(data)
            new.replace(self._folder / _file_of(issuer))


def build(config: Config, meter: Meter) -> RevocationChecker:
    """Who asks the CAs, for every process that does."""
    seconds = config.signing_tool.status_timeout
    fetch = Fetcher(NAME, config.tls, seconds=seconds, meter=meter)
    return RevocationChecker(fetch, folder=config.keys_folder / "crl")


def _file_of(issuer: Authority) -> str:
    return f"{hashlib.sha256(issuer.crl_url.encode()).hexdigest()}.crl"


def _names(issuer: x509.Certificate) -> tuple[bytes, bytes]:
    """What a CertID says of the issuer (RFC 6960, 4.1.1): hashes of its name and of its key."""
    match issuer.public_key():
        case rsa.RSAPublicKey() as key:
            bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
        case ec.EllipticCurvePublicKey() as key:
            bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        case _:
            raise PortUnavailable(NAME, "unknown kind of key")
    name = issuer.subject.public_bytes()
    return hashlib.sha256(name).digest(), hashlib.sha256(bits).digest()


_LATER = {ocsp.OCSPResponseStatus.TRY_LATER, ocsp.OCSPResponseStatus.INTERNAL_ERROR}


def _load_ocsp(data: bytes) -> ocsp.OCSPResponse:
    try:
        return ocsp.load_der_ocsp_response(data)
    except ValueError as error:
        raise PortAnswerInvalid(NAME, "no OCSP answer") from error


def _only_one(answer: ocsp.OCSPResponse) -> ocsp.OCSPSingleResponse:
    found = list(answer.responses)
    if len(found) != 1:
        raise PortAnswerInvalid(NAME, "not one answer")
    return found[0]


def _state_of(single: ocsp.OCSPSingleResponse) -> Revocation:
    """Of a revoked certificate the moment is always told (RFC 6960, 4.2.1)."""
    at = single.revocation_time_utc
    match single.certificate_status:
        case ocsp.OCSPCertStatus.REVOKED if at is not None:
            return Revoked(at)
        case ocsp.OCSPCertStatus.GOOD:
            return Good()
        case _:
            return Unknown()


def _check_question(single: ocsp.OCSPSingleResponse, question: ocsp.OCSPRequest) -> None:
    """The answer is about what we asked; a responder may prefer another hash of the names."""
    is_same = single.serial_number == question.serial_number
    if isinstance(single.hash_algorithm, type(question.hash_algorithm)):
        is_same = is_same and (single.issuer_key_hash, single.issuer_name_hash) == (
            question.issuer_key_hash,
            question.issuer_name_hash,
        )
    if not is_same:
        raise PortAnswerInvalid(NAME, "about another certificate")


def _check_responder(answer: ocsp.OCSPResponse, issuer: x509.Certificate, *, now: datetime) -> None:
    """The CA itself signed, or somebody whom it made a responder (RFC 6960, 4.2.2.2)."""
    signer = issuer
    for candidate in answer.certificates:
        if candidate == issuer:
            continue
        try:
            candidate.verify_directly_issued_by(issuer)
            usages = candidate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            continue
        in_date = candidate.not_valid_before_utc <= now <= candidate.not_valid_after_utc
        if ExtendedKeyUsageOID.OCSP_SIGNING in usages and in_date:
            signer = candidate
            break
    try:
        _verify(signer, answer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError) as error:
        raise PortAnswerInvalid(NAME, "signed by somebody else") from error


def _verify(signer: x509.Certificate, answer: ocsp.OCSPResponse) -> None:
    algorithm = answer.signature_hash_algorithm
    if algorithm is None or algorithm.digest_size < hashes.SHA256.digest_size:
        raise PortAnswerInvalid(NAME, "weak signature")
    match signer.public_key():
        case rsa.RSAPublicKey() as key:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        case ec.EllipticCurvePublicKey() as key:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        case _:
            raise PortAnswerInvalid(NAME, "unknown kind of key")


def _check_times(single: ocsp.OCSPSingleResponse, *, now: datetime) -> None:
    """Fresh: fifteen minutes, or as long as the responder says (pki.md 11)."""
    if single.this_update_utc > now + _SKEW:
        raise PortAnswerInvalid(NAME, "from the future")
    last = single.next_update_utc
    is_stale = now > last + _SKEW if last else now - single.this_update_utc > _OLDEST
    if is_stale:
        raise PortAnswerInvalid(NAME, "stale")


def _check_nonce(answer: ocsp.OCSPResponse, nonce: bytes) -> None:
    """Equal where the responder has one; many serve answers made before."""
    try:
        found = answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return
    if not hmac.compare_digest(found, nonce):
        raise PortAnswerInvalid(NAME, "another nonce")


def _read_crl(data: bytes, issuer: x509.Certificate, *, now: datetime) -> _Crl:
    try:
        crl = x509.load_der_x509_crl(data)
        is_signed = crl.issuer == issuer.subject and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PortAnswerInvalid(NAME, "no CRL") from error
    first, last = crl.last_update_utc, crl.next_update_utc
    if not is_signed:
        raise PortAnswerInvalid(NAME, "CRL of somebody else")
    if last is None or now > last or first > now + _SKEW:
        raise PortAnswerInvalid(NAME, "stale CRL")
    revoked = {entry.serial_number: entry.revocation_date_utc for entry in crl}
    return _Crl(revoked, last, first + (last - first) / 2)
