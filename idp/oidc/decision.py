"""What a request needs before its answer: a sign-in, consent, or nothing (Core, 3.1.2.3)."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from idp.domain.assurance import (
    IAL,
    Achieved,
    Evidence,
    Resistance,
    achieved,
    met,
)
from idp.oidc.authorization import AuthorizationError, AuthorizationRequest
from idp.storage.sessions import Seen

_WANTS_ANEW: Final = frozenset({"login", "select_account", "create"})


class Why(enum.StrEnum):
    """Why a person has to sign in."""

    NO_SESSION = "no_session"
    ASKED = "asked"
    TOO_OLD = "too_old"
    STEP_UP = "step_up"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class NeedLogin:
    """A sign-in comes first."""

    why: Why


@dataclass(frozen=True, slots=True)
class NeedConsent:
    """The person has to be told, or asked."""

    items: frozenset[str]


class Ready(msgspec.Struct, frozen=True):
    """A code, or tokens, may be issued for what the session proves."""

    seen: Seen
    proven: Achieved


Decision = NeedLogin | NeedConsent | Ready


class Circumstances(msgspec.Struct, frozen=True):
    """What a decision depends on besides request and session.

    ``since`` is when the request came first: a sign-in after that answers ``prompt=login``.
    ``consented`` says that the consent page was answered for this very request. ``reachable`` is
    the highest level that a sign-in can prove here, ``resists`` what it can withstand.
    """

    now: datetime
    since: datetime
    level3_max_age: timedelta
    reachable: IAL
    resists: Resistance = Resistance.NONE
    consented: bool = False


def decide(request: AuthorizationRequest, seen: Seen | None, around: Circumstances) -> Decision:
    """What comes next for a request. Raises ``AuthorizationError`` for ``prompt=none``."""
    decision = _decide(request, seen, around)
    if "none" in request.prompt:
        target = request.target
        if isinstance(decision, NeedLogin):
            raise AuthorizationError("login_required", "the person has to sign in", target)
        if isinstance(decision, NeedConsent):
            raise AuthorizationError("consent_required", "the person has to agree", target)
    return decision


def _decide(request: AuthorizationRequest, seen: Seen | None, around: Circumstances) -> Decision:
    if seen is None or not seen.session.free_proofs:
        return NeedLogin(Why.CREATE if "create" in request.prompt else Why.NO_SESSION)
    session, proven = seen.session, proven_by(request, seen, around)
    why = _why_again(request, proven, around)
    if why is None and met(proven, request.acr_values) is None:
        _check_reachable(request, session.account_ial, around)
        can_rise = _can_rise(request, proven, session.account_ial, around)
        # A fresh sign-in that stayed below does for a voluntary level, never for an essential one.
        if can_rise and (request.is_acr_essential or proven.auth_time < around.since):
            why = Why.STEP_UP
    if why is not None:
        return NeedLogin(why)
    missing = request.consent_items - (seen.consented or frozenset())
    asks_again = "consent" in request.prompt and not around.consented
    # Nobody let a stranger in, so its first visitor always decides (RFC 9700, 4.11.2).
    is_new = seen.consented is None and (seen.asks_new_portals or request.of_stranger)
    if missing or is_new or asks_again:
        return NeedConsent(request.consent_items)
    return Ready(seen, proven)


def proven_by(request: AuthorizationRequest, seen: Seen, around: Circumstances) -> Achieved:
    """What the session proves for this request: what the portal is told, and its person.

    What was proven for the question of one portal (CIBA) raises nothing at another one.
    """
    return achieved(
        _counting(request, seen.session.free_proofs or seen.session.evidence, around),
        account_ial=seen.session.account_ial,
        now=around.now,
        level3_max_age=around.level3_max_age,
    )


def _counting(
    request: AuthorizationRequest, evidence: Sequence[Evidence], around: Circumstances
) -> Sequence[Evidence]:
    """The proofs that are new enough for the request; all of them where none is.

    Who asks for a new sign-in hears what that one proved, not what an older one did (Core, 2).
    """
    oldest = around.since
    if not _WANTS_ANEW & set(request.prompt):
        if request.max_age is None:
            return evidence
        oldest = min(oldest, around.now - timedelta(seconds=request.max_age))
    return [proof for proof in evidence if proof.at >= oldest] or evidence


def _can_rise(
    request: AuthorizationRequest, proven: Achieved, account_ial: IAL, around: Circumstances
) -> bool:
    """Whether another sign-in could prove more of what is asked for."""
    if request.resists > proven.resistance:
        return around.resists >= request.resists
    return min(around.reachable, account_ial) > proven.ial


def _why_again(
    request: AuthorizationRequest, proven: Achieved, around: Circumstances
) -> Why | None:
    """Whether an older sign-in does not do for this request."""
    if proven.auth_time >= around.since:
        return None
    if _WANTS_ANEW & set(request.prompt):
        return Why.ASKED
    if request.max_age is None:
        return None
    age = around.now - proven.auth_time
    is_too_old = request.max_age == 0 or age > timedelta(seconds=request.max_age)
    return Why.TOO_OLD if is_too_old else None


def _check_reachable(
    request: AuthorizationRequest, account_ial: IAL, around: Circumstances
) -> None:
    """An essential level that no sign-in here can prove is an error (OpenID unmet-auth-req)."""
    wanted = request.wanted
    is_too_high = wanted is not None and min(around.reachable, account_ial) < wanted
    if request.is_acr_essential and (is_too_high or around.resists < request.resists):
        raise AuthorizationError(
            "unmet_authentication_requirements",
            "the level cannot be reached for this account",
            request.target,
        )
