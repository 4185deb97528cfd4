"""What a registration in progress remembers, and where it stands."""

from __future__ import annotations

import enum

import msgspec

from idp.authenticators.contract import Screen
from idp.flows.otp import SentCode


class Step(enum.StrEnum):
    """Where a registration stands."""

    METHOD = "method"
    PASSWORD = "password"  # noqa: S105  the name of a step
    EXISTS = "exists"
    DONE = "done"


class RegistrationState(msgspec.Struct, frozen=True):
    """What a registration in progress remembers.

    ``screen`` is the method's, shown while ``step`` says so. ``login`` is the sign-in it came from.
    """

    method: str
    subject: str
    login: str = ""
    step: Step = Step.METHOD
    screen: Screen | None = None
    typed: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = False
    told: tuple[str, dict[str, str]] | None = None
    method_state: dict[str, str] = {}
    code: SentCode | None = None
    identity: dict[str, str] = {}
    credential: dict[str, str] = {}
    once: str = ""
    evidence: tuple[str, int, tuple[str, ...], int, str | None] | None = None
