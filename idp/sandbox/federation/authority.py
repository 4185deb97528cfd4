"""A member that vouches for others: it keeps a list, and signs a statement about each (section 8).

Whoever is enrolled shows its own statement first; its keys are taken from there, over the network.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from idp.sandbox.federation.entity import STATEMENT_TYP, Entity, Json, fetch_configuration


@dataclass(slots=True)
class Subordinate:
    """Somebody vouched for. ``claims`` are what the superior demands and adds."""

    claims: Mapping[str, Any]
    keys: Json | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """The trust anchor, or a ministry."""

    entity: Entity
    http: httpx.Client
    _list: dict[str, Subordinate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, entity_id: str, claims: Mapping[str, Any]) -> None:
        """Vouch for somebody who is asked for their keys when they are first needed."""
        with self._lock:
            self._list[entity_id] = Subordinate(claims)

    def enrol(self, entity_id: str, claims: Mapping[str, Any]) -> None:
        """Vouch for somebody from now on, with the keys they show now. Raises ``NotTrusted``."""
        keys = fetch_configuration(self.http, entity_id)["jwks"]
        with self._lock:
            self._list[entity_id] = Subordinate(claims, keys)

    def withdraw(self, entity_id: str) -> None:
        """Vouch for them no longer."""
        with self._lock:
            self._list.pop(entity_id, None)

    def subordinates(self) -> list[str]:
        """The list endpoint's answer (section 8.2)."""
        with self._lock:
            return sorted(self._list)

    def vouches_for(self, entity_id: str) -> bool:
        """Whether somebody is on the list."""
        return entity_id in self.subordinates()

    def statement(self, entity_id: str) -> str | None:
        """The fetch endpoint's answer (section 8.1). Raises ``NotTrusted``."""
        with self._lock:
            found = self._list.get(entity_id)
        if found is None:
            return None
        if found.keys is None:  # asked without the lock: they may live in this very process
            found.keys = fetch_configuration(self.http, entity_id)["jwks"]
        claims = {"sub": entity_id, "jwks": found.keys, **found.claims}
        return self.entity.sign(STATEMENT_TYP, claims)
