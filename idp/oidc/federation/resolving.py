"""Resolving a stranger: once at a time, remembered, and within budgets.

Anybody can make us look for a chain, so each look is counted per network and altogether, several
who ask for one entity share one look, and a failure is remembered as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from idp.domain.clients import Client, Metadata
from idp.oidc.federation.chains import Chain
from idp.oidc.federation.errors import Fault, FederationError
from idp.ports import Clock
from idp.storage.throttle import Limit, ThrottleStore

T = TypeVar("T")
_MOST_REMEMBERED = 10_000
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A portal that a federation vouches for; not registered yet."""

    chain: Chain
    metadata: Metadata
    client: Client
    until: datetime


Outcome = Resolved | FederationError


@dataclass(frozen=True, slots=True)
class Budget:
    """How much strangers may cost us."""

    per_network: int = 20
    per_minute: int = 120
    parallel: int = 4
    remember: timedelta = timedelta(seconds=60)
    remember_failure: timedelta = timedelta(seconds=60)
    remember_transient: timedelta = timedelta(seconds=10)
    wait_seconds: float = 10.0


class Gate:
    """Counts looks over all processes."""

    def __init__(self, throttle: ThrottleStore, budget: Budget) -> None:
        self._throttle, self._budget = throttle, budget

    def enter(self, network: str, *, now: datetime) -> None:
        """Count one more. Raises ``FederationError``."""
        for limit, subject in (
            (Limit("federation network", self._budget.per_network, _MINUTE), network),
            (Limit("federation site", self._budget.per_minute, _MINUTE), ""),
        ):
            if self._throttle.hit(limit, subject, now=now).is_over:
                raise FederationError(
                    Fault.TEMPORARILY_UNAVAILABLE, f"too many look-ups ({limit.name})"
                )


class Resolving:
    """Looks, one at a time for each entity."""

    def __init__(self, gate: Gate, budget: Budget, clock: Clock) -> None:
        self._gate, self._budget, self._clock = gate, budget, clock
        self._known: dict[str, tuple[datetime, Outcome]] = {}
        self._flights: dict[str, Future[Outcome]] = {}
        self._lock = threading.Lock()

    def resolve(self, entity_id: str, network: str, look: Callable[[], Resolved]) -> Resolved:
        """What ``look`` finds, or found a moment ago. Raises ``FederationError``."""
        with self._lock:
            known = self._known.get(entity_id)
            if known and known[0] > self._clock():
                return _opened(known[1])
            flight = self._flights.get(entity_id)
            leads = flight is None
            if flight is None:
                if len(self._flights) >= self._budget.parallel:
                    raise FederationError(
                        Fault.TEMPORARILY_UNAVAILABLE, "too many look-ups at a time"
                    )
                flight = self._flights[entity_id] = Future()
        if leads:
            self._lead(entity_id, network, look, flight)
        try:
            return _opened(flight.result(self._budget.wait_seconds))
        except TooLate:
            raise FederationError(
                Fault.TEMPORARILY_UNAVAILABLE, "the federation is too slow"
            ) from None

    def forget(self, entity_id: str) -> None:
        """Look anew next time."""
        with self._lock:
            self._known.pop(entity_id, None)

    def once(self, network: str, look: Callable[[], T]) -> T:
        """A look whose result is nobody else's: it depends on what was handed over."""
        self._gate.enter(network, now=self._clock())
        return look()

    def _lead(
        self, entity_id: str, network: str, look: Callable[[], Resolved], flight: Future[Outcome]
    ) -> None:
        outcome: Outcome = FederationError(Fault.TEMPORARILY_UNAVAILABLE, "the look-up broke off")
        is_counted = False
        try:
            self._gate.enter(network, now=self._clock())
            is_counted = True
            outcome = look()
        except FederationError as error:
            outcome = error
        finally:
            with self._lock:
                # One network's exhausted budget says nothing about the entity.
                if is_counted:
                    self._remember(entity_id, outcome)
                del self._flights[entity_id]
            flight.set_result(outcome)

    def _remember(self, entity_id: str, outcome: Outcome) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        now = self._clock()
        if isinstance(outcome, Resolved):
            until = min(outcome.until, now + self._budget.remember)
        elif outcome.is_transient:
            until = now + self._budget.remember_transient
        else:
            until = now + self._budget.remember_failure
        self._known[entity_id] = (until, outcome)


def _opened(outcome: Outcome) -> Resolved:
    if isinstance(outcome, FederationError):
        raise FederationError(outcome.fault, outcome.detail)
    return outcome
