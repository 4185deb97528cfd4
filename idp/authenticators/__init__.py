"""The methods, in the order people see them. A method is one module and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points

from idp.authenticators import bhxh, mobile, passkey, password_otp, sim, totp, usb, vnpost
from idp.authenticators.certificate_form import Examiner
from idp.authenticators.contract import Method
from idp.domain.certificates import TrustStore
from idp.ports import (
    AgencyDirectory,
    CertificateStatus,
    Hasher,
    MobileSigner,
    PostalCounter,
    SocialInsuranceRegistry,
    SubscriberRegistry,
)

ENTRY_POINTS = "idp.authenticators"


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a method may need from outside."""

    hasher: Hasher
    subscribers: SubscriberRegistry
    insurance: SocialInsuranceRegistry
    counter: PostalCounter
    trust: TrustStore
    certificate_status: CertificateStatus
    directory: AgencyDirectory
    mobile_signer: MobileSigner
    carriers: tuple[str, ...]
    issuer: str
    origin: str


def build_all(ports: Ports) -> tuple[Method, ...]:
    """Every method: ours first, then installed packages (entry points) in name order."""
    installed = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    examiner = Examiner(ports.trust, ports.certificate_status, ports.directory)
    return (
        password_otp.build(ports.hasher),
        mobile.build(ports.subscribers),
        bhxh.build(ports.insurance),
        vnpost.build(ports.counter),
        usb.build(examiner, ports.origin),
        sim.build(ports.mobile_signer, examiner, ports.issuer, ports.carriers),
        passkey.build(ports.issuer, ports.origin),
        totp.build(ports.hasher),
        *(point.load()(ports) for point in installed),
    )
