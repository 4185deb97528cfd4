"""A proof in the words of the schema; a clerk's name stays with us."""

from __future__ import annotations

from datetime import UTC

from idp.domain.assurance import Attestation, EvidenceKind
from idp.oidc.verified_claims.vocabulary import Json, time
from idp.storage.grants import Vouching


def evidence_of(proof: Vouching, attestation: Attestation) -> Json | None:
    """The evidence behind a proof; None where too little is known of it to vouch."""
    named = proof.source.partition(":")[2]
    match attestation.kind:
        case EvidenceKind.RECORD:
            keeper = attestation.organization or named
            return _record(attestation.record, keeper, proof) if keeper else None
        case EvidenceKind.SIGNATURE:
            return _signature(named, proof)
        case EvidenceKind.VOUCH:
            return _vouch(attestation.organization, proof)


def _signature(issuer: str, proof: Vouching) -> Json | None:
    if not proof.details.get("serial"):
        return None
    return {
        "type": EvidenceKind.SIGNATURE,
        "signature_type": "vn_certificate",
        "issuer": issuer,
        "serial_number": proof.details["serial"],
        "created_at": time(proof.at),
    }


def _record(kind: str, source: str, proof: Vouching) -> Json:
    check = {"check_method": "data", "organization": source, "time": time(proof.at)}
    return {
        "type": EvidenceKind.RECORD,
        "check_details": [check],
        "record": {"type": kind, "source": {"name": source, "country_code": "VNM"}},
    }


def _vouch(organization: str, proof: Vouching) -> Json:
    """A clerk saw the person and the card: physical, in person."""
    office = proof.vouched_by.partition(" @ ")[2]
    organization = f"{organization} {office}".strip()
    return {
        "type": EvidenceKind.VOUCH,
        "check_details": [
            {"check_method": "vpip", "organization": organization, "time": time(proof.at)}
        ],
        "attestation": {
            "type": "digital_attestation",
            "date_of_issuance": f"{proof.at.astimezone(UTC):%Y-%m-%d}",
            "voucher": {"organization": organization, "country_code": "VNM"},
        },
    }
