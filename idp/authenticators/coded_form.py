"""Registering with a form that somebody outside vouches for, and a code to the phone it names.

A method says what it asks, how it reads and whom it asks; in which order that happens, and that a
password follows, is the same for all of them. Nobody is asked about a form with a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from idp.authenticators.contract import (
    AskFields,
    CodeConfirmed,
    Continue,
    Filled,
    Invalid,
    Poll,
    Proofed,
    Refusal,
    Refused,
    RegistrationOutcome,
    Reply,
    Signed,
)
from idp.domain.subjects import PhoneNumber, SubjectKind

Claim = TypeVar("Claim")


class Source(Protocol[Claim]):
    """What is a method's own."""

    @property
    def form(self) -> AskFields:
        """What the person is asked."""

    def read(self, values: Mapping[str, str], *, now: datetime) -> Claim | Invalid:
        """What they claim; every fault at once."""

    def match(self, claim: Claim, *, now: datetime) -> RegistrationOutcome:
        """Ask outside; ``AskCode`` where the answer agrees with the claim."""

    def prove(self, state: Mapping[str, str], *, now: datetime) -> Proofed | Refused:
        """The right code was typed: what is proven by what ``match`` kept, if it still stands."""


@dataclass(frozen=True, slots=True)
class CodedForm(Generic[Claim]):
    """Form, match, code."""

    source: Source[Claim]
    subjects: frozenset[SubjectKind] = frozenset({SubjectKind.CITIZEN})
    sets_password: bool = True

    def start(self, subject: SubjectKind) -> Continue:
        """Ask who the person is."""
        del subject
        return Continue(self.source.form)

    def validate(self, state: Mapping[str, str], reply: Filled, *, now: datetime) -> Invalid | None:
        """What cannot be read, and what contradicts itself."""
        del state
        found = self.source.read(reply.values, now=now)
        return found if isinstance(found, Invalid) else None

    def disturbs(self, reply: Filled) -> PhoneNumber | None:
        """Nobody: a code is counted where it is sent."""
        del reply
        return None

    def resume(
        self, state: Mapping[str, str], reply: Reply, *, now: datetime
    ) -> RegistrationOutcome:
        """Match first; the code proves that the phone is at hand."""
        match reply:
            case Filled(values):
                claim = self.source.read(values, now=now)
                return claim if isinstance(claim, Invalid) else self.source.match(claim, now=now)
            case CodeConfirmed():
                return self.source.prove(state, now=now)
            case Signed() | Poll():
                return Refused(Refusal.WRONG_CREDENTIALS)
