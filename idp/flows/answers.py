"""What a step of a flow answers: the journey as it now stands, and what the person is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from idp.authenticators.contract import Invalid
from idp.domain.errors import PortError
from idp.storage.transactions import Stored

S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Said:
    """A text for the person: its key and what its placeholders stand for.

    ``retry_after`` is set where an outside system failed: the seconds until worth another try.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Journey(Generic[S_co]):
    """A transaction with its state, read."""

    stored: Stored
    state: S_co


@dataclass(frozen=True, slots=True)
class Answer(Generic[S_co]):
    """A step's result. Without faults and notice the page of the new state is shown afresh."""

    journey: Journey[S_co]
    faults: Mapping[str, Said] = field(default_factory=dict)
    notice: Said | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell, so that a redirect may follow."""
        return not self.faults and self.notice is None

    @property
    def told(self) -> tuple[Said, ...]:
        """Everything that the person is told."""
        return (*self.faults.values(), *([self.notice] if self.notice else ()))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from: the browser's digest and the network address."""

    browser_hash: bytes
    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Captchas:
    """How pictures are made and compared; the pictures themselves are the page's."""

    new_answer: Callable[[], str]
    is_right: Callable[[str, str], bool]


def faults_of(invalid: Invalid) -> dict[str, Said]:
    """What is wrong with each field, in words."""
    return {name: Said(f"error.{code}") for name, code in invalid.errors.items()}


def source_down(error: PortError) -> Said:
    """What is told when an outside system failed, by what the person knows it as."""
    keys = {"ocsp": "notice.ca_down", "mssp": "notice.sim_down"}
    return Said(keys.get(error.system, "notice.source_down"), retry_after=_RETRY_AFTER)


_RETRY_AFTER = 60
