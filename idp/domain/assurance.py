"""Identity assurance levels: the only place where evidence becomes ``acr`` and ``amr``.

A sign-in proves min(level proven for the account, level of the method used now). It is never
copied from the account. Level 3 additionally fades: it needs a signature that is fresh.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


class IAL(enum.IntEnum):
    """Identity assurance level, ordered (guide: 'mức xác minh')."""

    NONE = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def acr(self) -> str:
        """The canonical ``acr`` value."""
        return f"ial{int(self)}"


class Resistance(enum.IntEnum):
    """How far a sign-in withstands phishing, ordered (OpenID EAP ACR Values, sections 2 and 3)."""

    NONE = 0
    PHISHING = 1
    HARDWARE = 2


ACR_LEVELS: dict[str, IAL] = {
    **{level.acr: level for level in IAL},
    **{f"LoA{int(level)}": level for level in IAL},
}
"""Every level that can be asked for as ``acr``; ``LoA1..3`` are the national SSO's names."""

ACR_RESISTANCES: dict[str, Resistance] = {
    "phr": Resistance.PHISHING,
    "phrh": Resistance.HARDWARE,
}
"""The ``acr`` values of OpenID EAP: phishing-resistant, and with a key held in hardware."""


class Amr(enum.StrEnum):
    """Authentication method references (RFC 8176)."""

    PWD = "pwd"  # noqa: S105  the name of a method
    SMS = "sms"
    OTP = "otp"
    MFA = "mfa"
    SC = "sc"
    HWK = "hwk"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finished proof: which method, when, what it can prove, and by what means.

    ``vouched_by`` is the human who vouched, where there was one.
    """

    method: str
    ial: IAL
    amr: tuple[Amr, ...]
    at: datetime
    vouched_by: str | None = None


@dataclass(frozen=True, slots=True)
class Achieved:
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
    resistance = max(
        _resistance(proof, now=now, level3_max_age=level3_max_age) for proof in evidence
    )
    newest = max(proof.at for proof in evidence)
    return Achieved(min(level, account_ial), amr, newest, resistance)


def _resistance(proof: Evidence, *, now: datetime, level3_max_age: timedelta) -> Resistance:
    """``hwk`` is a key that answered a challenge bound to our origin: a token or a passkey.

    Only a token's key is certified to be in hardware; that is level 3 and fades like it. A passkey
    may be a synchronised one. A SIM (``sc``) signs whatever its owner confirms, from any origin.
    """
    if Amr.HWK not in proof.amr:
        return Resistance.NONE
    is_certified = _worth(proof, now=now, level3_max_age=level3_max_age) is IAL.HIGH
    return Resistance.HARDWARE if is_certified else Resistance.PHISHING


def _worth(proof: Evidence, *, now: datetime, level3_max_age: timedelta) -> IAL:
    if proof.ial is IAL.HIGH and now - proof.at > level3_max_age:
        return IAL.MEDIUM
    return proof.ial


def wanted_level(acr_values: Iterable[str]) -> IAL | None:
    """The least level asked for; unknown values are voluntary and so ignored (Core, 3.1.2.1)."""
    known = [ACR_LEVELS[value] for value in acr_values if value in ACR_LEVELS]
    return min(known) if known else None


def wanted_resistance(acr_values: Iterable[str]) -> Resistance:
    """The least resistance asked for, where no level would do as well."""
    values = tuple(acr_values)
    known = [ACR_RESISTANCES[value] for value in values if value in ACR_RESISTANCES]
    return min(known) if known and wanted_level(values) is None else Resistance.NONE


def satisfies(proven: Achieved, acr_values: Iterable[str]) -> bool:
    """Whether one of the values asked for was met; unknown ones ask for nothing."""
    met = [_is_met(proven, value) for value in acr_values if value in _ORDER]
    return not met or any(met)


def acr_of(proven: Achieved, acr_values: Iterable[str]) -> str:
    """The ``acr`` of a token: the highest value asked for that was met.

    The order is ial1, ial2, phr, ial3, phrh. A level stands for the level that was reached, which
    may be more than was asked for; so it is where nothing that was asked for was met.
    """
    met = [value for value in acr_values if value in _ORDER and _is_met(proven, value)]
    highest = max(met, key=_ORDER.__getitem__, default="")
    return highest if highest in ACR_RESISTANCES else proven.acr


_ORDER: dict[str, float] = {
    **{value: float(level) for value, level in ACR_LEVELS.items()},
    **{value: 1.5 + float(resistance) for value, resistance in ACR_RESISTANCES.items()},
}
"""phr stands above level 2, which a passkey proves too; phrh above level 3, which it implies."""


def _is_met(proven: Achieved, value: str) -> bool:
    if value in ACR_RESISTANCES:
        return proven.resistance >= ACR_RESISTANCES[value]
    return proven.ial >= ACR_LEVELS[value]
