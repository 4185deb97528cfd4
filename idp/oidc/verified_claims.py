"""``verified_claims``: who verified what, when and how (OpenID Connect for Identity Assurance 1.0).

A request is read against the schema of the specification (``verified_claims_request.json``) and
kept as it came. An answer is built from the proofs that stand for the account:

    a proof  --which facts it vouches for-->  claims
        |----- what kind of source it is ---> verification with evidence

The request is filter and template at once (section 6): what was not asked for is not told, a
requirement in ``verification`` that is not met omits the whole, one in ``claims`` only that claim
(6.5.4), of which none may be left (Schema Definition, 5.3), and nothing of this is an error.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from idp.oidc.claims import of_subject
from idp.oidc.keys import b64
from idp.storage.grants import Fact, Subject, Vouching

FRAMEWORK: Final = "vn_dvcqg"
"""Our own framework: the levels of the portal's account system (docs/integrating.md)."""

EVIDENCE: Final = ("electronic_record", "electronic_signature", "vouch")
RECORDS: Final = ("mobile_subscriber_register", "social_insurance_register")
CHECK_METHODS: Final = ("data", "vpip")
CLAIMS: Final = (
    "name",
    "birthdate",
    "gender",
    "phone_number",
    "id_number",
    "id_number_type",
    "insurance_code",
    "tax_code",
    "agency_code",
    "parent_agency",
    "representative",
    "address",
)

Json = dict[str, Any]
_LOWEST = 2
_QUERY: Final = frozenset({"essential", "value", "values", "max_age", "purpose"})
_MOST_SETS, _MOST_ENTRIES, _MOST_VALUES = 5, 10, 50
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Unreadable(Exception):
    """A request that cannot be read; the text is for developers and repeats nothing of it."""


class _Unmet(Exception):
    """A requirement that the data does not meet."""


# --- reading ------------------------------------------------------------------------------------


def read(found: object) -> tuple[Json, ...]:
    """The requests of a ``verified_claims`` member. Raises ``Unreadable``."""
    several = found if isinstance(found, list) else [found]
    if not 0 < len(several) <= _MOST_SETS:
        raise Unreadable("verified_claims has too many or no elements")
    return tuple(map(_read_set, several))


def _read_set(found: object) -> Json:
    if not isinstance(found, dict):
        raise Unreadable("verified_claims is no object")
    verification, claims = found.get("verification"), found.get("claims", ...)
    if not isinstance(verification, dict) or "trust_framework" not in verification:
        raise Unreadable("verification needs trust_framework")
    if claims is not None and (not isinstance(claims, dict) or not claims):
        raise Unreadable("claims in verified_claims must be null or name a claim")
    _check_elements(verification)
    _check_evidence(verification)
    kept = {name: member for name, member in (claims or {}).items() if name in CLAIMS}
    for member in kept.values():
        _check_query(member)
    return {"verification": verification, "claims": kept}


def _check_elements(verification: Json) -> None:
    for name in ("trust_framework", "assurance_level", "time", "verification_process"):
        _check_query(verification.get(name))


def _check_query(member: object) -> None:
    """Null, or an object with constraints of the right types."""
    if member is None:
        return
    if not isinstance(member, dict) or not isinstance(member.get("essential", False), bool):
        raise Unreadable("an element of verified_claims has the wrong type")
    values, max_age = member.get("values", []), member.get("max_age", 0)
    if not isinstance(values, list) or len(values) > _MOST_VALUES:
        raise Unreadable("values is no short list")
    if isinstance(max_age, bool) or not isinstance(max_age, int) or max_age < 0:
        raise Unreadable("max_age is no number of seconds")


def _check_evidence(verification: Json) -> None:
    if "evidence" not in verification:
        return
    entries = verification["evidence"]
    if not isinstance(entries, list) or not 0 < len(entries) <= _MOST_ENTRIES:
        raise Unreadable("evidence is no short list")
    for entry in entries:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(kind, dict) or not isinstance(kind.get("value"), str) or "values" in kind:
            raise Unreadable("an element of evidence needs type with value")
        checks = entry.get("check_details")
        if checks is not None and not _are_objects(checks):
            raise Unreadable("check_details is no list of objects")
        for member in _members(entry):
            _check_query(member)


def _are_objects(found: object) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(one, dict) for one in found)


def _members(entry: object) -> Iterator[object]:
    """Every object inside that carries a constraint."""
    if isinstance(entry, dict):
        if _QUERY & set(entry):
            yield entry
        for name, value in entry.items():
            if name not in _QUERY:
                yield from _members(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from _members(value)


# --- what we have -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answering:
    """Whom an answer is about and for whom it is.

    ``process_key`` makes references of a proof that portals of two sectors cannot compare.
    """

    found: Subject
    sector: str
    process_key: bytes
    now: datetime


def of(requests: tuple[Json, ...], about: Answering) -> Json | list[Json] | None:
    """The value of ``verified_claims``: one object, several, or None when nothing can be told."""
    answers = [answer for request in requests if (answer := _best(request, about))]
    return answers[0] if len(answers) == 1 else answers or None


def _best(request: Json, about: Answering) -> Json | None:
    """Of the proofs that meet the request the one with the most claims, then the highest."""
    proofs = sorted(about.found.proofs, key=lambda proof: (proof.ial, proof.at), reverse=True)
    found = [answer for proof in proofs if (answer := _answer(request, proof, about))]
    return max(found, key=lambda answer: len(answer["claims"]), default=None)


def _answer(request: Json, proof: Vouching, about: Answering) -> Json | None:
    evidence = _evidence(proof)
    if proof.ial < _LOWEST or evidence is None:
        return None
    if not request["claims"]:
        return None  # nothing that we know was asked for, so nobody agreed to anything
    claims = _claims(request["claims"], proof, about.found)
    try:
        known = _verification(proof, about)
        wanted = dict(request["verification"])
        entries = wanted.pop("evidence", None)
        answer = _project(known, wanted, about.now)
        if entries is not None:
            answer["evidence"] = [_filter(evidence, entries, about.now)]
    except _Unmet:
        return None
    return {"verification": {"trust_framework": FRAMEWORK, **answer}, "claims": claims}


def _claims(asked: Json, proof: Vouching, found: Subject) -> Json:
    """The claims that the proof vouches for and that have a value which was asked for."""
    vouched = replace(found, facts=tuple(f for f in found.facts if _vouches(proof, f)))
    known = of_subject(vouched, frozenset(asked) & frozenset(CLAIMS))
    return {name: value for name, value in known.items() if _fits(value, asked[name])}


def _vouches(proof: Vouching, fact: Fact) -> bool:
    """Facts come with their proof; numbers with the opening one, or in a certificate."""
    if fact.form == "identifier":
        numbers = proof.details.get("numbers", "").split()
        return proof.is_opening or f"{fact.name}:{fact.value}" in numbers
    if fact.evidence_id is None:
        return fact.source == proof.source
    return fact.evidence_id == proof.id


def _verification(proof: Vouching, about: Answering) -> Json:
    message = f"{about.sector}|{proof.id.hex}".encode()
    process = hmac.new(about.process_key, message, hashlib.sha256).digest()
    return {
        "trust_framework": FRAMEWORK,
        "assurance_level": f"ial{proof.ial}",
        "time": _time(proof.at),
        "verification_process": b64(process[:16]),
    }


def _evidence(proof: Vouching) -> Json | None:
    """The proof in the words of the schema; a clerk's name stays with us."""
    kind, _, label = proof.source.partition(":")
    match kind:
        case "carrier":
            return _record(RECORDS[0], label, proof)
        case "bhxh":
            return _record(RECORDS[1], "Bảo hiểm xã hội Việt Nam", proof)
        case "certificate" if proof.details.get("serial"):
            return {
                "type": "electronic_signature",
                "signature_type": "vn_certificate",
                "issuer": label,
                "serial_number": proof.details["serial"],
                "created_at": _time(proof.at),
            }
        case "vnpost":
            return _vouch(proof)
        case _:
            return None


def _record(kind: str, source: str, proof: Vouching) -> Json:
    check = {"check_method": "data", "organization": source, "time": _time(proof.at)}
    return {
        "type": "electronic_record",
        "check_details": [check],
        "record": {"type": kind, "source": {"name": source, "country_code": "VNM"}},
    }


def _vouch(proof: Vouching) -> Json:
    """A clerk saw the person and the card: physical, in person."""
    office = proof.vouched_by.partition(" @ ")[2]
    organization = f"VNPost {office}".strip()
    return {
        "type": "vouch",
        "check_details": [
            {"check_method": "vpip", "organization": organization, "time": _time(proof.at)}
        ],
        "attestation": {
            "type": "digital_attestation",
            "date_of_issuance": f"{proof.at.astimezone(UTC):%Y-%m-%d}",
            "voucher": {"organization": organization, "country_code": "VNM"},
        },
    }


# --- filter and template ------------------------------------------------------------------------

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "electronic_signature": ("type", "signature_type", "issuer", "serial_number"),
    "electronic_record": ("type",),
    "vouch": ("type",),
}
"""What the schema demands of an evidence, asked for or not."""


def _filter(evidence: Json, entries: list[Json], now: datetime) -> Json:
    """The evidence as the first entry that it fits wants it (6.2: entries are alternatives)."""
    for entry in entries:
        if entry["type"]["value"] != evidence["type"]:
            continue
        try:
            wanted = _project(evidence, entry, now)
        except _Unmet:
            continue
        always = {name: evidence[name] for name in _REQUIRED[evidence["type"]]}
        for part in ("record", "attestation"):
            if part in wanted:
                wanted[part] = {"type": evidence[part]["type"], **wanted[part]}
        return {**always, **wanted}
    raise _Unmet


def _project(known: Json, wanted: Json, now: datetime) -> Json:
    """Those elements of ``known`` that are wanted. Raises ``_Unmet``."""
    answer: Json = {}
    for name, template in wanted.items():
        if name in known:
            answer[name] = _element(known[name], template, now)
        elif any(_constrains(member) for member in _members(template)):
            raise _Unmet
    return answer


def _element(value: object, template: object, now: datetime) -> object:
    match value, template:
        case list(), list():
            return _checks(value, template, now)
        case dict(), dict() if not set(template) <= _QUERY:
            return _project(value, template, now)
        case _:
            if not _fits(value, template, now):
                raise _Unmet
            return value


def _checks(known: list[Json], wanted: list[Json], now: datetime) -> list[Json]:
    """The checks that one of the wanted ones describes; ``check_method`` is always told."""
    answer = []
    for check in known:
        for template in wanted:
            try:
                part = _project(check, template, now)
            except _Unmet:
                continue
            answer.append({"check_method": check["check_method"], **part})
            break
    if not answer:
        raise _Unmet
    return answer


def _fits(value: object, template: object, now: datetime | None = None) -> bool:
    """Whether a value is one that was asked for, and young enough (6.3)."""
    if not isinstance(template, dict):
        return True
    if "value" in template and value != template["value"]:
        return False
    if "values" in template and value not in template["values"]:
        return False
    return now is None or "max_age" not in template or _is_young(value, template["max_age"], now)


def _is_young(value: object, max_age: int, now: datetime) -> bool:
    """Elapsed time counts from the last second that the value may mean (6.3.2).

    A value that is no date has no age, so it cannot meet the requirement.
    """
    text = str(value)
    try:
        at = datetime.fromisoformat(text if "T" in text else f"{text}T23:59:59+00:00")
    except ValueError:
        return False
    return (now - at).total_seconds() <= max_age


def _constrains(template: object) -> bool:
    return isinstance(template, dict) and bool({"value", "values", "max_age"} & set(template))


def _time(at: datetime) -> str:
    """UTC, so that no time zone tells where somebody was (section 8)."""
    return at.astimezone(UTC).strftime(_TIME)
