"""The counter page (quầy giao dịch): a one-time code for somebody whose card was seen (S3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.accounts import Account, AccountStatus
from idp.domain.errors import InvalidInput
from idp.domain.operators import Officer
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.journeys import Journeys
from idp.flows.operators import OperatorFlow
from idp.flows.recovery import CounterRecovery
from idp.storage.accounts import OwnIdentity

KIND = "desk"
SEARCH = AskFields("operator.counter", (Field("username", FieldKind.TEXT),))
"""Somebody else's number, of any kind: a browser must not fill in the operator's own."""


class DeskState(msgspec.Struct, frozen=True):
    """Whom one operator has before them; ``code`` is set at the end."""

    officer: str
    number: str
    account: str
    is_issuing: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class CounterDesk:
    """What an operator does at a service counter."""

    operators: OperatorFlow
    recovery: CounterRecovery
    journeys: Journeys[DeskState]

    def search(
        self, officer: Officer, filled: Filled, visitor: Visitor, *, now: datetime
    ) -> UUID | dict[str, Said]:
        """Look the number up; the person sees in their history that it was."""
        try:
            number = IdNumber.parse_any(filled.values.get("username", ""))
        except InvalidInput as error:
            return {"username": Said(f"error.{error.code}")}
        found = self.operators.look_up(officer, number, now=now)
        if isinstance(found, Said):
            return {"": found}
        if found is None or found.status is AccountStatus.CLOSED:
            return {"username": Said("error.operator.unknown")}
        if found.id == officer.account_id:
            return {"username": Said("error.operator.self")}
        state = DeskState(officer.account_id.hex, number.value, found.id.hex)
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, officer: Officer, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[DeskState] | None:
        """The person looked up, if it was by this operator."""
        journey = self.journeys.find(transaction_id, visitor, now=now)
        is_own = journey is not None and journey.state.officer == officer.account_id.hex
        return journey if is_own else None

    def person(self, journey: Journey[DeskState]) -> tuple[Account, OwnIdentity]:
        """What the operator compares with the card."""
        accounts, account_id = self.operators.account.accounts, UUID(hex=journey.state.account)
        return accounts.get(account_id), accounts.identity(account_id)

    def issue(
        self,
        officer: Officer,
        journey: Journey[DeskState],
        checks: frozenset[str],
        *,
        now: datetime,
    ) -> Answer[DeskState]:
        """Make the code, once; the owner hears of it on every channel."""
        if journey.state.code:
            return Answer(journey)
        if journey.state.is_issuing:
            return Answer(journey, {"": Said("error.operator.again")})
        if "card_seen" not in checks:
            return Answer(journey, {"card_seen": Said("error.operator.card_seen")})
        journey = self.journeys.save(journey, is_issuing=True)
        number = IdNumber.parse_any(journey.state.number)
        code = self.recovery.issue(number, officer.label, officer=officer, now=now)
        return Answer(self.journeys.save(journey, code=code))

    def finish(self, journey: Journey[DeskState], *, now: datetime) -> None:
        """The code was handed over, or it is somebody else: forget whom it was about."""
        self.journeys.end(journey, now=now)
