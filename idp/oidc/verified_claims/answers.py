"""An answer is built from the proofs that stand for the account.

    a proof  --which facts it vouches for-->  claims
        |----- what kind of source it is ---> verification with evidence

A requirement in ``verification`` that is not met omits the whole, one in ``claims`` only that
claim (6.5.4), of which none may be left (Schema Definition, 5.3); nothing of this is an error.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from idp.domain.assurance import Attestation
from idp.oidc.claims import of_subject
from idp.oidc.keys import b64
from idp.oidc.verified_claims.evidence import evidence_of
from idp.oidc.verified_claims.templates import Unmet, fit_evidence, fits, project
from idp.oidc.verified_claims.vocabulary import CLAIMS, FRAMEWORK, Json, time
from idp.storage.grants import Fact, Subject, Vouching

_LOWEST = 2


@dataclass(frozen=True, slots=True)
class Answering:
    """Whom an answer is about and for whom it is.

    ``process_key`` makes references of a proof that portals of two sectors cannot compare;
    ``attestations`` tells what each method's proofs are.
    """

    found: Subject
    sector: str
    process_key: bytes
    attestations: Mapping[str, Attestation]
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
    attestation = about.attestations.get(proof.method)
    evidence = evidence_of(proof, attestation) if attestation else None
    if proof.ial < _LOWEST or evidence is None:
        return None
    if not request["claims"]:
        return None  # nothing that we know was asked for, so nobody agreed to anything
    claims = _claims(request["claims"], proof, about.found)
    try:
        known = _verification(proof, about)
        wanted = dict(request["verification"])
        entries = wanted.pop("evidence", None)
        answer = project(known, wanted, about.now)
        if entries is not None:
            answer["evidence"] = [fit_evidence(evidence, entries, about.now)]
    except Unmet:
        return None
    return {"verification": {"trust_framework": FRAMEWORK, **answer}, "claims": claims}


def _claims(asked: Json, proof: Vouching, found: Subject) -> Json:
    """The claims that the proof vouches for and that have a value which was asked for."""
    vouched = tuple(fact for fact in found.facts if _vouches(proof, fact))
    about = msgspec.structs.replace(found, facts=vouched)
    known = of_subject(about, frozenset(asked) & frozenset(CLAIMS))
    return {name: value for name, value in known.items() if fits(value, asked[name])}


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
        "time": time(proof.at),
        "verification_process": b64(process[:16]),
    }
