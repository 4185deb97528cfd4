"""Operators: who becomes one, who may come into the console, and what is noted of a look-up.

The console is a room of its own: it opens with a fresh proof of the level in the settings, and
closes after ten minutes unused or eight hours. ``enter`` is its gate and is asked at each request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from idp import config
from idp.domain.accounts import Account, Attribute
from idp.domain.assurance import IAL, achieved
from idp.domain.errors import Conflict, NotPermitted, ProofStale
from idp.domain.events import AuditEvent, Event
from idp.domain.operators import Officer, Operator, Post, Role
from idp.domain.sessions import Session
from idp.domain.subjects import IdNumber, SubjectKind
from idp.flows.account import FRESH, AccountFlow
from idp.flows.answers import Said
from idp.flows.notices import Extra
from idp.storage.operators import OperatorStore

LONGEST_UNIT = 100


@dataclass(frozen=True, slots=True)
class OperatorFlow:
    """Roles, and the gate of the console."""

    account: AccountFlow
    operators: OperatorStore
    settings: config.Operators

    # --- roles ----------------------------------------------------------------------------------

    def add(self, number: IdNumber, role: Role, unit: str, *, by: str, now: datetime) -> None:
        """Give the owner of an account a role; they are told. Raises ``Conflict``."""
        found, unit = self._person(number), " ".join(unit.split())
        if not 0 < len(unit) <= LONGEST_UNIT or not unit.isprintable():
            raise Conflict("operator.unit")
        with self.account.database.transaction() as connection:
            self.operators.add(connection, Post(found.id, role, unit, by, now))
            self._tell(connection, Event.OPERATOR_ADDED, found.id, f"{role}, {unit}", by, now=now)

    def remove(self, number: IdNumber, role: Role, *, by: str, now: datetime) -> None:
        """Take a role away; it works no longer with the commit. Raises ``Conflict``."""
        found = self._person(number)
        with self.account.database.transaction() as connection:
            self.operators.remove(connection, found.id, role, by=by, now=now)
            self._tell(connection, Event.OPERATOR_REMOVED, found.id, role, by, now=now)

    def _person(self, number: IdNumber) -> Account:
        found = self.account.accounts.find_by_id_number(number)
        if found is None or found.kind is not SubjectKind.CITIZEN:
            raise Conflict("account.unknown")
        return found

    def _tell(  # noqa: PLR0913  one line of history
        self,
        connection: Connection,
        event: Event,
        account_id: UUID,
        post: str,
        by: str,
        *,
        now: datetime,
    ) -> None:
        row = AuditEvent(event, now, account_id, details={"post": post, "by": by})
        self.account.notices.tell(connection, row, Extra({"post": post}))

    # --- the gate -------------------------------------------------------------------------------

    def enter(self, session: Session, *, now: datetime) -> Operator:
        """The operator of this session, asked at each request.

        Raises ``NotPermitted`` when they are none (any more), ``ProofStale`` when the console is
        closed and the last proof is not fresh or not high enough to open it.
        """
        units = {} if not session.is_own else self.operators.units(session.account_id)
        if not units:
            raise NotPermitted("operator.none")
        idle = timedelta(seconds=self.settings.idle)
        if not self.operators.see(session.id, now=now, idle=idle):
            self._open(session, now=now)
        own = self.account.accounts.identity(session.account_id).find(Attribute.FULL_NAME)
        return Operator(session.account_id, session.id, own.value if own else "", units)

    @property
    def level(self) -> IAL:
        """What an operator proves to open the console."""
        return IAL(self.settings.minimum_ial)

    def _open(self, session: Session, *, now: datetime) -> None:
        if not session.free_proofs:
            raise ProofStale
        proven = achieved(
            session.free_proofs, account_ial=session.account_ial, now=now, level3_max_age=FRESH
        )
        if proven.ial < self.level or now - proven.auth_time > FRESH:
            raise ProofStale
        lives = timedelta(seconds=self.settings.absolute)
        if not self.operators.open(session.id, now=now, lives=lives):
            raise ProofStale
        event = AuditEvent(Event.CONSOLE_OPENED, now, session.account_id, session_id=session.id)
        with self.account.database.transaction() as connection:
            self.account.notices.audit.add(connection, event)

    # --- looking people up ----------------------------------------------------------------------

    def look_up(
        self, officer: Officer, number: IdNumber, *, now: datetime
    ) -> Account | Said | None:
        """The account of a number, or None; looking stands in that person's history.

        Looking is counted: nobody reads through the register.
        """
        limit = self.settings.look_ups_per_hour
        refusal = self.account.limits.before_look_up(officer.account_id, limit, now=now)
        if refusal:
            return refusal
        found = self.account.accounts.find_by_id_number(number)
        self.note(officer, Event.PERSON_LOOKED_UP, found.id if found else None, number, now=now)
        return found

    def note(
        self,
        officer: Officer,
        event: Event,
        account_id: UUID | None,
        number: IdNumber,
        *,
        now: datetime,
    ) -> None:
        """One line: who did what to whom."""
        row = act(officer, event, account_id, now=now, number=number.masked)
        with self.account.database.transaction() as connection:
            self.account.notices.audit.add(connection, row)


def act(
    officer: Officer, event: Event, account_id: UUID | None, *, now: datetime, **details: str
) -> AuditEvent:
    """An operator's act as a line of history: the actor is the operator, the subject the person."""
    found = {"operator": officer.label, "role": str(officer.role), **details}
    return AuditEvent(
        event, now, account_id, officer.account_id, session_id=officer.session_id, details=found
    )


def check_not_self(officer: Officer, account: Account | None) -> None:
    """Nobody serves themselves. Raises ``Conflict``."""
    if account is not None and account.id == officer.account_id:
        raise Conflict("operator.self")
