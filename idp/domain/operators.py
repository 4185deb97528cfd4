"""Operators: people whose account has a post in an office that serves others.

An operator is a natural person's own account plus roles; what they do is done by them (the actor)
to somebody else (the subject), and stands in that person's history.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class Role(enum.StrEnum):
    """What an operator may do; each has its page in the console."""

    POST_CLERK = "post_clerk"
    COUNTER = "counter"
    COMPLAINTS = "complaints"
    AGENCIES = "agencies"


@dataclass(frozen=True, slots=True)
class Post:
    """One role of one person, and where they work in it."""

    account_id: UUID
    role: Role
    unit: str
    added_by: str
    added_at: datetime
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody in the console: their session, their name, and every role that stands now."""

    account_id: UUID
    session_id: UUID
    name: str
    units: Mapping[Role, str]

    @property
    def number(self) -> str:
        """See ``staff_number``."""
        return staff_number(self.account_id)

    def officer(self, role: Role) -> Officer:
        """The operator acting in one of their roles."""
        return Officer(self.account_id, self.session_id, role, self.units[role])


@dataclass(frozen=True, slots=True)
class Officer:
    """Who does one act, in which role."""

    account_id: UUID
    session_id: UUID
    role: Role
    unit: str

    @property
    def number(self) -> str:
        """See ``staff_number``."""
        return staff_number(self.account_id)

    @property
    def label(self) -> str:
        """How the person concerned reads it in their history, which is kept in clear."""
        return f"{self.number}, {self.unit}"


def staff_number(account_id: UUID) -> str:
    """What an operator's badge says: eight characters, from the random end of their account's id.

    It stands in the audit and beside evidence instead of the name, which is kept sealed.
    """
    return account_id.hex[-8:].upper()
