"""A session: one signed-in browser and what was proven in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from idp.domain.assurance import IAL, Evidence
from idp.domain.subjects import SubjectKind


@dataclass(frozen=True, slots=True)
class Device:
    """Where a session was opened from; shown to its owner only."""

    ip: str
    user_agent: str


class Session(msgspec.Struct, frozen=True):
    """A live session of an active account.

    ``account_ial`` is the level proven for the account, read together with the session, so that
    a level that fell a moment ago is not asserted any more. ``actor_id`` is who acts; it is the
    account itself unless somebody acts for an enterprise.
    """

    id: UUID
    account_id: UUID
    actor_id: UUID
    account_kind: SubjectKind
    account_ial: IAL
    evidence: tuple[Evidence, ...]
    created_at: datetime
    last_seen_at: datetime
    device: Device | None = None

    @property
    def is_own(self) -> bool:
        """Whether the owner of the account acts, and nobody in their place."""
        return self.actor_id == self.account_id

    @property
    def free_proofs(self) -> tuple[Evidence, ...]:
        """Those that were made for no one request: only they count as fresh for a change."""
        return tuple(proof for proof in self.evidence if not proof.made_for)
