"""Trust marks: what an accredited issuer says about a portal (section 7.3).

The anchor says who may issue which mark, and who owns it; an issuer is itself an entity with a
chain to the same anchor. A delegated issuer shows the owner's delegation (section 7.2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from joserfc.jwk import KeySet

from idp.oidc.federation import jws
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.errors import FederationError, broken
from idp.oidc.federation.statements import SKEW_SECONDS, Statement

MARK_TYP: Final = "trust-mark+jwt"
DELEGATION_TYP: Final = "trust-mark-delegation+jwt"
_MOST_TRIED: Final = 3
Resolve = Callable[[str], Chain]
"""A chain for the issuer of a mark. Raises ``FederationError``."""


def check_required(chain: Chain, wanted: tuple[str, ...], resolve: Resolve, *, now: int) -> int:
    """Whether the subject has every wanted mark; until when, at most the chain's end.

    Raises ``FederationError``.
    """
    until = chain.expires_at
    if not wanted:
        return until
    if chain.configuration is None:
        raise broken("without the anchor's own statement no trust mark can be judged")
    for kind in wanted:
        until = min(until, _check_kind(chain, chain.configuration, kind, resolve, now=now))
    return until


def _check_kind(chain: Chain, anchor: Statement, kind: str, resolve: Resolve, *, now: int) -> int:
    problem = broken("a trust mark that we demand is missing")
    for token in islice(_tokens(chain.subject, kind), _MOST_TRIED):
        try:
            return _check_mark(chain, anchor, token, resolve, now=now)
        except FederationError as error:
            problem = error
    raise problem


def _tokens(subject: Statement, kind: str) -> Iterator[str]:
    for mark in subject.claims.get("trust_marks", []):
        if mark["trust_mark_type"] == kind:
            yield mark["trust_mark"]


def _check_mark(chain: Chain, anchor: Statement, token: str, resolve: Resolve, *, now: int) -> int:
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
    jws.verify(mark, _issuer_keys(chain, issuer, resolve))
    return until


def _issuer_keys(chain: Chain, issuer: str, resolve: Resolve) -> KeySet:
    if issuer == chain.anchor.entity_id:
        return chain.anchor.keys
    if issuer == chain.subject.sub:
        return chain.subject_keys
    found = resolve(issuer)
    if found.anchor.entity_id != chain.anchor.entity_id:
        raise broken("the issuer of the trust mark is of another federation")
    return found.subject_keys


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
