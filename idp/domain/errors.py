"""Every error that is ours to raise, in one tree.

* IdpError
  x DomainError         a rule of ours was broken          (400, on our page)
    + InvalidInput      something typed cannot be read
    + WeakPassword      a password breaks the rule or is known
    + LastMethodError   the last usable method cannot go
    + Conflict          somebody else changed the same thing first
    + ProofStale        the last proof is too old for this change
    + AccountHeld       the change waits until the hold is over
    + NotPermitted      this is not for the one who asks
  x PortError           an outside system failed           (503, try later)
    + PortUnavailable, PortAnswerInvalid
      - PortUnreached   it never heard of us            (nothing has begun there)
  x StorageUnavailable  the database failed                (503, Retry-After)
  x Busy                we shed load                       (503, Retry-After)
  x ConfigError         cannot start; lists every problem

An error carries a stable code and a message for the log, never a text for the public:
``idp.web.errors`` alone chooses what a person reads.
"""

from __future__ import annotations

from datetime import datetime


class IdpError(Exception):
    """Root of the tree."""


class DomainError(IdpError):
    """A rule was broken by what somebody asked for."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class InvalidInput(DomainError):
    """Something typed cannot be read; ``code`` names the field and the fault."""


class WeakPassword(DomainError):
    """A chosen password breaks the rule or is publicly known."""


class LastMethodError(DomainError):
    """Removing this method would lock the owner out."""


class Conflict(DomainError):
    """Another request changed the same thing first; asking again shows the new state."""


class ProofStale(DomainError):
    """The person has to prove themselves again before this change."""

    def __init__(self) -> None:
        super().__init__("proof.stale")


class AccountHeld(DomainError):
    """A phone was replaced a short while ago: sensitive changes wait (S23)."""

    def __init__(self, until: datetime) -> None:
        super().__init__("account.held")
        self.until = until


class NotPermitted(DomainError):
    """The one who asks has no right to it; ``code`` says which is missing."""


class PortError(IdpError):
    """An outside system failed; ``system`` is the name of its settings block."""

    def __init__(self, system: str, detail: str = "") -> None:
        super().__init__(f"{system}: {detail}" if detail else system)
        self.system = system


class PortUnavailable(PortError):
    """No answer, a time-out, or an answer that says 'later'."""


class PortUnreached(PortUnavailable):
    """It never got the question, or turned it away unread: nothing has begun there."""


class PortAnswerInvalid(PortError):
    """An answer that breaks the wire contract."""


class StorageUnavailable(IdpError):
    """The database did not answer; nothing was changed."""


class Busy(IdpError):
    """More work than we can queue; the caller tries again in a moment."""


class ConfigError(IdpError):
    """Settings that cannot be started with; ``problems`` holds every one of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
