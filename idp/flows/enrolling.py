"""A further way in for the account that is signed in: the method's screens, then bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from idp.authenticators.contract import (
    AskFields,
    AskSignature,
    Continue,
    Enrolled,
    Enrolment,
    Filled,
    Invalid,
    Method,
    Refused,
    Reply,
    Screen,
    Signed,
)
from idp.domain.accounts import Account
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.flows.account import AccountFlow
from idp.flows.answers import Answer, Journey, Said, Visitor, faults_of
from idp.flows.journeys import Journeys
from idp.flows.notices import Extra
from idp.storage.credentials import CredentialStore
from idp.storage.single_use import spend_proof

KIND = "enrolling"


class EnrollingState(msgspec.Struct, frozen=True):
    """What an enrolment in progress remembers; it is for one account only."""

    method: str
    account: str
    name: str
    screen: Screen
    method_state: dict[str, str] = {}
    captcha: str = ""
    is_human: bool = True
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class EnrollingFlow:
    """Adds methods that have an enrolment of their own."""

    methods: tuple[Method, ...]
    account: AccountFlow
    credentials: CredentialStore
    journeys: Journeys[EnrollingState]

    @property
    def offers(self) -> tuple[str, ...]:
        """The names of those methods."""
        return tuple(method.name for method in self.methods if method.enrolment is not None)

    def start(
        self, method: str, name: str, session: Session, visitor: Visitor, *, now: datetime
    ) -> UUID:
        """Begin for this account. Raises ``ProofStale``, ``AccountHeld``, ``Conflict``."""
        account = self._with_keys(self.account.check_change(session, now=now), method)
        first = self._enrolment(method).start(account, name=name, now=now)
        state = EnrollingState(method, account.id.hex, name, first.screen, dict(first.state))
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, session: Session, visitor: Visitor, *, now: datetime
    ) -> Journey[EnrollingState] | None:
        """The enrolment in progress, if it is this browser's and this account's."""
        journey = self.journeys.find(transaction_id, visitor, now=now)
        is_own = journey is not None and journey.state.account == session.account_id.hex
        return journey if is_own else None

    def restart(
        self, journey: Journey[EnrollingState], session: Session, *, now: datetime
    ) -> Answer[EnrollingState]:
        """The first screen again, with a fresh question."""
        state = journey.state
        account = self._with_keys(self.account.check_change(session, now=now), state.method)
        first = self._enrolment(state.method).start(account, name=state.name, now=now)
        kept = dict(first.state)
        return Answer(self.journeys.save(journey, screen=first.screen, method_state=kept))

    def resume(
        self,
        journey: Journey[EnrollingState],
        reply: Filled | Signed,
        session: Session,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[EnrollingState]:
        """The method's next step. Raises ``ProofStale``, ``AccountHeld``."""
        state = journey.state
        if state.is_done or not _is_asked(state.screen, reply):
            return Answer(journey)
        account = self._with_keys(self.account.check_held(session, now=now), state.method)
        kept = state.method_state
        if isinstance(reply, Signed):
            # Its challenge is forgotten before it is looked at: of many answers one counts.
            journey = self.journeys.save(journey, method_state={})
        outcome = self._enrolment(state.method).resume(account, kept, reply, now=now)
        match outcome:
            case Continue(screen, more):
                return Answer(self.journeys.save(journey, screen=screen, method_state=dict(more)))
            case Invalid() as invalid:
                return Answer(journey, faults_of(invalid))
            case Refused(reason, values, _):
                return self._refuse(journey, f"refusal.{reason}", values)
            case Enrolled() as enrolled:
                return self._bind(journey, enrolled, session, visitor, now=now)

    def _bind(
        self,
        journey: Journey[EnrollingState],
        enrolled: Enrolled,
        session: Session,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[EnrollingState]:
        method, flow = journey.state.method, self.account
        done = self.journeys.save(journey, is_done=True, method_state={})
        try:
            with flow.database.transaction() as connection:
                flow.levels.bind(
                    connection,
                    session.account_id,
                    enrolled.credential,
                    enrolled.evidence,
                    now=now,
                )
                _spend(connection, enrolled.once, now=now)
                details = {"ip": visitor.ip, "method": method}
                event = AuditEvent(
                    Event.CREDENTIAL_ADDED,
                    now,
                    session.account_id,
                    session_id=session.id,
                    details=details,
                )
                flow.notices.tell(connection, event, Extra({"method": method}))
        except Conflict as error:
            return self._refuse(done, f"refusal.{error.code.replace('.', '_')}", {})
        return Answer(done)

    def _refuse(
        self, journey: Journey[EnrollingState], key: str, values: Mapping[str, str]
    ) -> Answer[EnrollingState]:
        """The same page with the reason; the next try starts afresh."""
        saved = self.journeys.save(journey, is_done=False)
        return Answer(saved, {"": Said(key, values)})

    def _with_keys(self, account: Account, method: str) -> Account:
        return replace(account, keys=self.credentials.keys(account.id, method))

    def _enrolment(self, name: str) -> Enrolment:
        found = next((m.enrolment for m in self.methods if m.name == name), None)
        if found is None:
            raise Conflict("method.closed")
        return found


def _spend(connection: Connection, once: str, *, now: datetime) -> None:
    """The proof served for this enrolment and serves for nothing else."""
    if once and not spend_proof(connection, once, now=now):
        raise Conflict("proof.spent")


def _is_asked(screen: Screen, reply: Reply) -> bool:
    """Whether the reply answers what is on the screen."""
    match screen:
        case AskFields():
            return isinstance(reply, Filled)
        case AskSignature():
            return isinstance(reply, Signed)
        case _:
            return False
