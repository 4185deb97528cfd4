"""Trust marks: what an accredited issuer says about a portal (section 7.3).

The anchor says who may issue which mark, and who owns it; an issuer is itself an entity with a
chain to the same anchor. A delegated issuer shows the owner's delegation (section 7.2.2). An issuer
that can be asked whether a mark still stands is asked (section 8.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from idp.oidc.federation import jws
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.errors import FederationError, broken
from idp.oidc.federation.mark_status import Issuer, MarkStatus
from idp.oidc.federation.statements import SKEW_SECONDS, Statement

MARK_TYP: Final = "trust-mark+jwt"
DELEGATION_TYP: Final = "trust-mark-delegation+jwt"
_MOST_TRIED: Final = 3
_MOST_SHOWN: Final = 10
Resolve = Callable[[str], Chain]
"""A chain for the issuer of a mark. Raises ``FederationError``."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What marks are judged with."""

    resolve: Resolve
    status: MarkStatus


def check_required(chain: Chain, wanted: tuple[str, ...], judge: Judge, *, now: int) -> int:
    """Whether the subject has every wanted mark; until when, at most the chain's end.

    Raises ``FederationError``.
    """
    until = chain.expires_at
    if not wanted:
        return until
    if chain.configuration is None:
        raise broken("without the anchor's own statement no trust mark can be judged")
    for kind in wanted:
        until = min(until, _check_kind(chain, chain.configuration, kind, judge, now=now))
    return until


def standing(chain: Chain, judge: Judge, *, now: int) -> tuple[list[dict[str, str]], int]:
    """Every mark of the subject that holds, and until when they all do (section 8.3.2)."""
    found: list[dict[str, str]] = []
    until = chain.expires_at
    if chain.configuration is None:
        return found, until
    for mark in chain.subject.claims.get("trust_marks", [])[:_MOST_SHOWN]:
        try:
            end = _check_mark(chain, chain.configuration, mark["trust_mark"], judge, now=now)
        except FederationError:
            continue
        found.append({name: mark[name] for name in ("trust_mark_type", "trust_mark")})
        until = min(until, end)
    return found, until


def _check_kind(chain: Chain, anchor: Statement, kind: str, judge: Judge, *, now: int) -> int:
    problem = broken("a trust mark that we demand is missing")
    for token in islice(_tokens(chain.subject, kind), _MOST_TRIED):
        try:
            return _check_mark(chain, anchor, token, judge, now=now)
        except FederationError as error:
            problem = error
    raise problem


def _tokens(subject: Statement, kind: str) -> Iterator[str]:
    for mark in subject.claims.get("trust_marks", []):
        if mark["trust_mark_type"] == kind:
            yield mark["trust_mark"]


def _check_mark(chain: Chain, anchor: Statement, token: str, judge: Judge, *, now: int) -> int:
    mark = jws.read(token, MARK_TYP)
    kind, issuer = mark.text("trust_mark_type"), mark.text("iss")
    if mark.text("sub") != chain.subject.sub:
        raise broken("the trust mark is somebody else's")
    until = _check_time(mark, now=now)
    issuers = anchor.claims.get("trust_mark_issuers", {}).get(kind)
    if issuers is None or (issuers and issuer not in issuers):
        raise broken("the anchor knows no such issuer of the trust mark")
    owners = anchor.claims.get("trust_mark_owners", {})
    if kind in owners or "delegation" in mark.claims:
        until = min(until, _check_delegation(mark, owners.get(kind), now=now))
    found = _issuer(chain, anchor, issuer, judge.resolve)
    jws.verify(mark, found.keys)
    judge.status.check(found, token, now=now)
    return until


def _issuer(chain: Chain, anchor: Statement, issuer: str, resolve: Resolve) -> Issuer:
    if issuer == chain.anchor.entity_id:
        return Issuer(issuer, chain.anchor.keys, anchor.metadata.get(_ENTITY, {}))
    if issuer == chain.subject.sub:
        return Issuer(issuer, chain.subject_keys, chain.metadata.get(_ENTITY, {}))
    found = resolve(issuer)
    if found.anchor.entity_id != chain.anchor.entity_id:
        raise broken("the issuer of the trust mark is of another federation")
    return Issuer(issuer, found.subject_keys, found.metadata.get(_ENTITY, {}))


_ENTITY: Final = "federation_entity"


def _check_delegation(mark: jws.Unverified, owner: Any, *, now: int) -> int:  # noqa: ANN401  JSON
    """The owner lets this issuer issue this type (section 7.2.2)."""
    if not isinstance(owner, dict) or not isinstance(owner.get("sub"), str):
        raise broken("the anchor knows no owner of the trust mark")
    delegation = jws.read(mark.claims.get("delegation"), DELEGATION_TYP)
    if delegation.text("iss") != owner["sub"] or delegation.text("sub") != mark.text("iss"):
        raise broken("the delegation is of or for somebody else")
    if delegation.text("trust_mark_type") != mark.text("trust_mark_type"):
        raise broken("the delegation is for another trust mark")
    until = _check_time(delegation, now=now)
    jws.verify(delegation, jws.key_set(owner.get("jwks")))
    return until


def _check_time(found: jws.Unverified, *, now: int) -> int:
    """``exp`` may be missing (section 7.1): then the chain's end counts."""
    if found.moment("iat") > now + SKEW_SECONDS:
        raise broken("iat is in the future")
    if "exp" not in found.claims:
        return 1 << 53
    exp = found.moment("exp")
    if exp <= now - SKEW_SECONDS:
        raise broken("it has expired")
    return exp
