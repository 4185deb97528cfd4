"""Why trust was not established (section 8.9): a code for programs, a detail for the log."""

from __future__ import annotations

import enum


class Fault(enum.Enum):
    """An error code of section 8.9 or RFC 7591, with its HTTP status."""

    INVALID_REQUEST = ("invalid_request", 400)
    INVALID_CLIENT = ("invalid_client", 401)
    INVALID_SUBJECT = ("invalid_subject", 404)
    INVALID_TRUST_ANCHOR = ("invalid_trust_anchor", 404)
    INVALID_TRUST_CHAIN = ("invalid_trust_chain", 400)
    INVALID_METADATA = ("invalid_metadata", 400)
    UNREACHABLE_SUBJECT = ("invalid_subject", 404, "does not answer")
    """Who was named does not answer: an address that anybody may send, so no fault of ours.

    The third member only tells it apart: of two with the same value, one would be the other's name.
    """

    TEMPORARILY_UNAVAILABLE = ("temporarily_unavailable", 503)

    @property
    def code(self) -> str:
        """The value of ``error``."""
        return str(self.value[0])

    @property
    def status(self) -> int:
        """The HTTP status where a program asked."""
        return int(self.value[1])


class FederationError(Exception):
    """Trust was not established. ``detail`` is ours: it repeats nothing that was sent."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault.code}: {detail}")
        self.fault, self.detail = fault, detail

    @property
    def is_transient(self) -> bool:
        """Whether the same question may be answered differently in a moment (section 10.5)."""
        return self.fault in {Fault.TEMPORARILY_UNAVAILABLE, Fault.UNREACHABLE_SUBJECT}


def broken(detail: str) -> FederationError:
    """A chain, or a statement of one, that does not hold."""
    return FederationError(Fault.INVALID_TRUST_CHAIN, detail)
