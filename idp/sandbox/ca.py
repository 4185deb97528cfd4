"""The licensed CAs and the government's CA: they issue, revoke, and answer for certificates."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_YEAR = timedelta(days=365)
_SHORT = timedelta(minutes=10)
_NAMES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    # name: label, organisation, issuer, kinds of subject
    "root": ("Vietnam National Root CA", "MIC", "root", ("citizen", "enterprise")),
    "newtel": ("NEWTEL-CA v2", "NEWTEL", "root", ("citizen", "enterprise")),
    "simca": ("SIM-CA G1", "SIMCA", "root", ("citizen",)),
    "government-root": (
        "Co quan chung thuc so chuyen dung Chinh phu (RootCA)",
        "Ban Co yeu Chinh phu",
        "government-root",
        ("agency",),
    ),
    "government": (
        "Co quan chung thuc so Chinh phu",
        "Ban Co yeu Chinh phu",
        "government-root",
        ("agency",),
    ),
}
FOREIGN = "foreign"
"""A CA that nobody trusts: for trying what happens."""


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    ca: str
    certificate: x509.Certificate
    key: Key

    @property
    def serial(self) -> str:
        """The serial number in hexadecimal."""
        return f"{self.certificate.serial_number:x}"

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def as_json(self) -> dict[str, Any]:
        """What ``GET /people`` tells of it."""
        return {
            "serial": self.serial,
            "ca": self.ca,
            "label": _common_name(self.certificate),
            "issuer": _common_name(self.certificate, of_issuer=True),
            "valid_from": self.certificate.not_valid_before_utc.isoformat(),
            "valid_to": self.certificate.not_valid_after_utc.isoformat(),
            "pem": self.pem,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscriber's certificate shall be."""

    ca: str
    common_name: str
    user_ids: tuple[str, ...]
    organisation: str = ""
    place: str = "Hà Nội"
    kind_of_key: str = "rsa"
    starts: timedelta = -timedelta(days=30)
    ends: timedelta = _YEAR


class Authorities:
    """All of them; with a folder they are the same after a restart."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self.cas: dict[str, Issued] = {}
        for name in (*_NAMES, FOREIGN):
            self.cas[name] = self._kept(f"ca-{name}", name) or self._keep(
                f"ca-{name}", self._new_ca(name)
            )
        self._revoked: dict[str, dict[str, str]] = self._read_revoked()

    # --- issuing --------------------------------------------------------------------------------

    def issue(self, purpose: str, wanted: Wanted) -> Issued:
        """A certificate for a subscriber; the same one again for the same purpose."""
        kept = self._kept(f"issued-{purpose}", wanted.ca)
        return kept or self._keep(f"issued-{purpose}", self._new_leaf(wanted))

    def _new_leaf(self, wanted: Wanted) -> Issued:
        issuer = self.cas[wanted.ca]
        key = _new_key(wanted.kind_of_key)
        attributes = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, wanted.place),
        ]
        if wanted.organisation:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organisation))
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name))
        attributes += [x509.NameAttribute(NameOID.USER_ID, text) for text in wanted.user_ids]
        now = datetime.now(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(secrets.randbits(100) | 1)
            .not_valid_before(now + wanted.starts)
            .not_valid_after(now + wanted.ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    issuer.certificate.public_key()  # type: ignore[arg-type]  # ours are EC
                ),
                critical=False,
            )
        )
        return Issued(wanted.ca, builder.sign(issuer.key, hashes.SHA256()), key)

    def _new_ca(self, name: str) -> Issued:
        label, organisation, issuer_name, _ = _NAMES.get(
            name, ("Công ty không ai biết CA", "?", name, ())
        )
        key = _new_key("ec")
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, label),
            ]
        )
        is_root = issuer_name == name
        issuer = None if is_root else self.cas[issuer_name]
        now = datetime.now(UTC).replace(microsecond=0)
        signer = key if issuer is None else issuer.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(secrets.randbits(100) | 1)
            .not_valid_before(now - _YEAR)
            .not_valid_after(now + 10 * _YEAR)
            .add_extension(
                x509.BasicConstraints(ca=True, path_length=None if is_root else 0), critical=True
            )
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )
        return Issued(issuer_name, builder.sign(signer, hashes.SHA256()), key)

    # --- status ---------------------------------------------------------------------------------

    def revoke(self, ca: str, serial: str) -> None:
        """From now on this certificate of ``ca`` is worth nothing."""
        with self._lock:
            self._revoked.setdefault(ca, {})[serial.lower().lstrip("0")] = datetime.now(
                UTC
            ).isoformat()
            if self._folder is not None:
                new = self._folder / "revoked.new"
                new.write_text(json.dumps(self._revoked), "utf-8")
                new.replace(self._folder / "revoked.json")

    def revoked_at(self, ca: str, serial: int) -> datetime | None:
        """When it was revoked."""
        with self._lock:
            found = self._revoked.get(ca, {}).get(f"{serial:x}")
        return datetime.fromisoformat(found) if found else None

    def crl(self, ca: str) -> bytes:
        """The list of revoked certificates, fresh."""
        issuer, now = self.cas[ca], datetime.now(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now)
            .next_update(now + _SHORT)
        )
        with self._lock:
            revoked = dict(self._revoked.get(ca, {}))
        for serial, at in revoked.items():
            entry = x509.RevokedCertificateBuilder(
                serial_number=int(serial, 16), revocation_date=datetime.fromisoformat(at)
            )
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def ocsp(self, ca: str, question: bytes) -> bytes:
        """The answer about one certificate, signed by the CA itself."""
        issuer, now = self.cas[ca], datetime.now(UTC).replace(microsecond=0)
        asked = ocsp.load_der_ocsp_request(question)
        revoked_at = self.revoked_at(ca, asked.serial_number)
        status = ocsp.OCSPCertStatus.REVOKED if revoked_at else ocsp.OCSPCertStatus.GOOD
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash,
            issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number,
            algorithm=asked.hash_algorithm,
            cert_status=status,
            this_update=now,
            next_update=now + _SHORT,
            revocation_time=revoked_at,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
        for extension in asked.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                builder = builder.add_extension(extension.value, critical=False)
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    # --- keeping --------------------------------------------------------------------------------

    def _kept(self, name: str, ca: str) -> Issued | None:
        path = self._folder / f"{name}.pem" if self._folder is not None else None
        if path is None or not path.exists():
            return None
        data = path.read_bytes()
        # Ours, from our own folder: proving its primes again takes a second for ten people.
        key = load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise TypeError(name)
        return Issued(ca, x509.load_pem_x509_certificate(data), key)

    def _keep(self, name: str, issued: Issued) -> Issued:
        if self._folder is not None:
            pem = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            new = self._folder / f"{name}.new"
            new.write_bytes(pem + issued.pem.encode())
            new.replace(self._folder / f"{name}.pem")
        return issued

    def _read_revoked(self) -> dict[str, dict[str, str]]:
        path = self._folder / "revoked.json" if self._folder is not None else None
        if path is None or not path.exists():
            return {}
        found: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
        return found


def _new_key(kind: str) -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _usage(**on: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})


def _common_name(certificate: x509.Certificate, *, of_issuer: bool = False) -> str:
    name = certificate.issuer if of_issuer else certificate.subject
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def blueprint(authorities: Authorities, broken: faults.Faults) -> Blueprint:
    """``/ca``: who they are, and what they say about a certificate."""
    routes = Blueprint("ca", __name__)

    @routes.before_request
    def misbehave() -> ResponseReturnValue | None:
        is_status = request.path.endswith(("/ocsp", "/crl"))
        return broken.apply("ocsp") if is_status else None

    @routes.get("/ca")
    def listed() -> ResponseReturnValue:
        """What an operator needs to trust them."""
        base = request.host_url.rstrip("/")
        return answers.listed(
            [
                {
                    "name": name,
                    "label": label,
                    "kinds": list(kinds),
                    "pem": authorities.cas[name].pem,
                    "ocsp_url": f"{base}/ca/{name}/ocsp",
                    "crl_url": f"{base}/ca/{name}/crl",
                }
                for name, (label, _, _, kinds) in _NAMES.items()
            ]
        )

    _answer_for(routes, authorities)
    return routes


def _answer_for(routes: Blueprint, authorities: Authorities) -> None:
    """What each CA says about its certificates."""

    @routes.post("/ca/<ca>/revoke")
    def revoke(ca: str) -> ResponseReturnValue:
        fields = request.get_json(silent=True)
        serial = str(fields.get("serial", "")) if isinstance(fields, Mapping) else ""
        try:
            number = _serial(serial)
        except ValueError:
            return {"error": "serial: hexadecimal digits are needed"}, 400
        if ca not in authorities.cas:
            return {"error": f"no CA {ca}"}, 404
        authorities.revoke(ca, f"{number:x}")
        return {"ca": ca, "serial": f"{number:x}", "status": "revoked"}

    @routes.get("/ca/<ca>/crl")
    def crl(ca: str) -> ResponseReturnValue:
        if ca not in authorities.cas:
            return {"error": f"no CA {ca}"}, 404
        return Response(authorities.crl(ca), content_type="application/pkix-crl")

    @routes.post("/ca/<ca>/ocsp")
    def status(ca: str) -> ResponseReturnValue:
        if ca not in authorities.cas:
            return {"error": f"no CA {ca}"}, 404
        try:
            answer = authorities.ocsp(ca, request.get_data())
        except ValueError:
            return {"error": "not an OCSP request"}, 400
        return Response(answer, content_type="application/ocsp-response")


def _serial(text: str) -> int:
    return int(text.replace(":", "").removeprefix("0x"), 16)
