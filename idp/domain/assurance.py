"""Identity assurance levels: the only place where evidence becomes ``acr`` and ``amr``.

A sign-in proves min(level proven for the account, level of the method used now). It is never
copied from the account. Level 3 additionally fades: it needs a signature that is fresh.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec


class IAL(enum.IntEnum):
    """Identity assurance level, ordered (guide: 'mức xác minh')."""

    NONE = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def acr(self) -> str:
        """The canonical ``acr`` value."""
        return f"ial{int(self)}"


ACR_LEVELS: dict[str, IAL] = {
    **{level.acr: level for level in IAL},
    **{f"LoA{int(level)}": level for level in IAL},
}
"""Every ``acr`` value that can be asked for; ``LoA1..3`` are the national SSO's names."""


class Amr(enum.StrEnum):
    """Authentication method references (RFC 8176)."""

    PWD = "pwd"  # noqa: S105  the name of a method
    SMS = "sms"
    OTP = "otp"
    MFA = "mfa"
    SC = "sc"
    HWK = "hwk"
    SWK = "swk"
    PIN = "pin"
    USER = "user"


class EvidenceKind(enum.StrEnum):
    """What stands behind a verified fact (OpenID Connect for Identity Assurance 1.0, 5.4.4)."""

    RECORD = "electronic_record"
    SIGNATURE = "electronic_signature"
    VOUCH = "vouch"


@dataclass(frozen=True, slots=True)
class Attestation:
    """How portals are told of a method's proofs of identity.

    ``record`` is the type of the register that was asked. ``organization`` is who keeps it, or
    whose clerk saw the person; where it is empty, the source of the proof names them.
    """

    kind: EvidenceKind
    record: str = ""
    organization: str = ""


class Resistance(enum.IntEnum):
    """How a proof withstands whoever stands between (OpenID EAP ACR Values, 2)."""

    NONE = 0
    PHISHING = 1
    HARDWARE = 2


ACR_RESISTANCES: dict[str, Resistance] = {
    "phr": Resistance.PHISHING,
    "phrh": Resistance.HARDWARE,
}
"""``acr`` values that ask for a key bound to our origin, and for one held in hardware."""

_ORIGIN_BOUND = frozenset({Amr.HWK, Amr.SWK})
"""Only keys that sign the browser's origin are named so; a SIM does not know it (``sc``)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finished proof: which method, when, what it can prove, and by what means.

    ``vouched_by`` is the human who vouched, where there was one. ``made_for`` is the request that
    it answers, where the person made it for that request and for nothing else (CIBA).
    """

    method: str
    ial: IAL
    amr: tuple[Amr, ...]
    at: datetime
    vouched_by: str | None = None
    made_for: str = ""

    @property
    def resistance(self) -> Resistance:
        """That a key is in hardware is believed of a token that a licensed CA filled."""
        if not _ORIGIN_BOUND & set(self.amr):
            return Resistance.NONE
        is_held = Amr.HWK in self.amr and self.ial is IAL.HIGH
        return Resistance.HARDWARE if is_held else Resistance.PHISHING


class Achieved(msgspec.Struct, frozen=True):
    """What a session may claim at one moment."""

    ial: IAL
    amr: tuple[str, ...]
    auth_time: datetime
    resistance: Resistance = Resistance.NONE

    @property
    def acr(self) -> str:
        """The ``acr`` that goes into a token."""
        return self.ial.acr


def achieved(
    evidence: Sequence[Evidence], *, account_ial: IAL, now: datetime, level3_max_age: timedelta
) -> Achieved:
    """Turn the proofs of one session into what it may claim now.

    ``account_ial`` is the level proven for the account; a proof older than ``level3_max_age``
    counts for level 2 at most. ``auth_time`` is the newest proof (OpenID Connect Core, 2).
    Raises ``ValueError`` without any evidence.
    """
    if not evidence:
        msg = "a session without evidence proves nothing"
        raise ValueError(msg)
    level = max(_worth(proof, now=now, level3_max_age=level3_max_age) for proof in evidence)
    amr = tuple(dict.fromkeys(str(reference) for proof in evidence for reference in proof.amr))
    auth_time = max(proof.at for proof in evidence)
    resistance = max(proof.resistance for proof in evidence)
    return Achieved(min(level, account_ial), amr, auth_time, resistance)


def _worth(proof: Evidence, *, now: datetime, level3_max_age: timedelta) -> IAL:
    if proof.ial is IAL.HIGH and now - proof.at > level3_max_age:
        return IAL.MEDIUM
    return proof.ial


def wanted_level(acr_values: Iterable[str]) -> IAL | None:
    """The least level asked for; unknown values are voluntary and so ignored (Core, 3.1.2.1)."""
    known = [ACR_LEVELS[value] for value in acr_values if value in ACR_LEVELS]
    return min(known) if known else None


def wanted_resistance(acr_values: Iterable[str]) -> Resistance:
    """The least resistance asked for; none where a mere level does as well."""
    asked = tuple(acr_values)
    if wanted_level(asked) is not None:
        return Resistance.NONE
    known = [ACR_RESISTANCES[value] for value in asked if value in ACR_RESISTANCES]
    return min(known, default=Resistance.NONE)


def met(proven: Achieved, acr_values: Iterable[str]) -> str | None:
    """The first of the values that what was proven satisfies, as ``acr``; None when none is.

    Without a value that we know, the level is what there is to say.
    """
    known = [value for value in acr_values if value in ACR_LEVELS or value in ACR_RESISTANCES]
    for value in known:
        if value in ACR_LEVELS and proven.ial >= ACR_LEVELS[value]:
            return proven.acr
        if value in ACR_RESISTANCES and proven.resistance >= ACR_RESISTANCES[value]:
            return value
    return None if known else proven.acr
