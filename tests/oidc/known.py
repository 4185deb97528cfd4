"""Builders of what is known about a subject, without a database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from idp.domain.assurance import Attestation, EvidenceKind
from idp.storage.grants import Fact, Subject, Vouching
from tests.support.build import NOW

OPENING, CERTIFICATE = UUID(int=1), UUID(int=2)
ATTESTATIONS = {
    "mobile": Attestation(EvidenceKind.RECORD, "mobile_subscriber_register"),
    "bhxh": Attestation(
        EvidenceKind.RECORD, "social_insurance_register", "Bảo hiểm xã hội Việt Nam"
    ),
    "vnpost": Attestation(EvidenceKind.VOUCH, organization="VNPost"),
    "usb": Attestation(EvidenceKind.SIGNATURE),
}
"""What the methods say of themselves, written out once more: portals rely on these words."""


def fact(name: str, value: str, source: str = "carrier:vinaphone", **changes: Any) -> Fact:
    return replace(Fact("attribute", name, value, source, NOW, OPENING), **changes)


def number(kind: str, value: str, at: datetime = NOW) -> Fact:
    return Fact("identifier", kind, value, "", at)


def proof(**changes: Any) -> Vouching:
    plain = Vouching(OPENING, "mobile", 2, "carrier:vinaphone", NOW, "", {}, is_opening=True)
    return replace(plain, **changes)


def certificate(**changes: Any) -> Vouching:
    """A USB token that was added a day later; its certificate names the CCCD."""
    plain = Vouching(
        CERTIFICATE,
        "usb",
        3,
        "certificate:NEWTEL-CA v2",
        NOW + timedelta(days=1),
        "",
        {"serial": "5e21", "numbers": "cccd:001072000136", "holder": "NGUYỄN VĂN HOÀ"},
        is_opening=False,
    )
    return replace(plain, **changes)


def subject(**changes: Any) -> Subject:
    facts = (
        fact("full_name", "Nguyễn Văn Hoà"),
        fact("birth_date", "1972-02-01"),
        fact("sex", "male"),
        fact("contact_phone", "+84821234088"),
        fact("email", "hoa@example.vn", "self", evidence_id=None),
        fact("contact_address", "12 Hàng Bài, Hà Nội", "self", evidence_id=None),
        number("cccd", "001072000136"),
        number("cmnd", "012345678"),
    )
    plain = Subject("hanoi", "{}", UUID(int=7), "citizen", "vi", facts, (proof(),))
    return replace(plain, **changes)
