"""The contract of a method: how one way to prove oneself plugs in.

A method is a value. Each part has ``start`` and ``resume``; a part answers what to show next,
what was proven, or why not. It never sees a request, a repository, a template or a session:
the flow that runs it keeps its state, sends its codes and decides what a proof is worth.

The four screens are data; each has one template, so a new method needs no HTML.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from idp.domain.accounts import Account, Identity, Phone
from idp.domain.assurance import IAL, Evidence
from idp.domain.subjects import IdNumber, PhoneNumber, SubjectKind

# --- screens: what the person is asked ----------------------------------------------------------


class FieldKind(enum.StrEnum):
    """How a field is typed, announced and filled in by a browser."""

    ID_NUMBER = "id_number"
    NAME = "name"
    BIRTH_DATE = "birth_date"
    PHONE = "phone"
    EMAIL = "email"
    PASSWORD = "password"  # noqa: S105  a kind of field, no secret
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Field:
    """One question. Texts are the keys ``field.<name>.label``, ``.hint`` and ``.placeholder``."""

    name: str
    kind: FieldKind
    required: bool = True


@dataclass(frozen=True, slots=True)
class AskFields:
    """A form. Texts are the keys ``<key>.title``, ``<key>.subtitle`` and ``<key>.submit``."""

    key: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class AskCode:
    """A code by SMS to ``phone``; the flow sends, counts and compares it (R16, S2)."""

    phone: PhoneNumber
    alternatives: tuple[Phone, ...] = ()


Screen = AskFields | AskCode

# --- replies: what the person answered ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filled:
    """The fields of a form, as typed."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CodeConfirmed:
    """The code sent to ``phone`` was typed correctly, in time, for the first time."""

    phone: PhoneNumber


Reply = Filled | CodeConfirmed

# --- outcomes: what the method says -------------------------------------------------------------


class Refusal(enum.StrEnum):
    """Why a method says no. The text for the person is the key ``refusal.<value>``."""

    WRONG_CREDENTIALS = "wrong_credentials"
    CARRIER_MISMATCH = "carrier_mismatch"
    UNDER_AGE = "under_age"


@dataclass(frozen=True, slots=True)
class Invalid:
    """Fields that cannot be read: name of the field to the code of its message."""

    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Continue:
    """Show ``screen`` and come back with its reply.

    ``state`` is what the method wants to remember: text only, kept encrypted in the transaction.
    ``identity`` is set once the method knows who this is: the flow then looks for an account
    that exists already, and not earlier (security rule 6).
    """

    screen: Screen
    state: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """The person is the owner of the account."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Proofed:
    """The identity is proven and an account may be opened."""

    identity: Identity
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and why; what was typed stays."""

    reason: Refusal


LoginOutcome = Continue | Verified | Invalid | Refused
RegistrationOutcome = Continue | Proofed | Invalid | Refused

# --- the parts of a method ----------------------------------------------------------------------


class Login(Protocol):
    """Signing in with the method."""

    def start(self) -> AskFields:
        """The first screen."""

    def identify(self, reply: Filled) -> IdNumber | Invalid:
        """Which account the person claims to own; the flow looks it up."""

    def resume(self, account: Account | None, reply: Reply, *, now: datetime) -> LoginOutcome:
        """The next step. ``account`` is None when nobody has that number: behave the same."""


class Registration(Protocol):
    """Opening an account with the method."""

    @property
    def subjects(self) -> frozenset[SubjectKind]:
        """Who may register this way (R10)."""

    @property
    def sets_password(self) -> bool:
        """Whether a password is chosen at the end (R19)."""

    def start(self) -> AskFields:
        """The first screen."""

    def validate(self, reply: Filled, *, now: datetime) -> Invalid | None:
        """Every fault of a form at once, before anything is counted or asked outside."""

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """The next step. May raise ``PortError``: nothing is lost, the person tries again."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to prove oneself. ``name`` is its settings block and the prefix of its texts."""

    name: str
    ial: IAL
    login: Login | None = None
    registration: Registration | None = None
