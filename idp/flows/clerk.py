"""The clerk page of a post office (S1): number looked up --(no account)--> card typed --> issued.

The journey belongs to one clerk and one browser; the code is shown until the clerk is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from idp.authenticators.contract import AskFields, Field, FieldKind, Filled
from idp.domain.errors import Conflict, InvalidInput
from idp.domain.operators import Officer
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.counter import Card, Clerk, CounterFlow, Delivery, Unreadable
from idp.flows.journeys import Journeys
from idp.flows.operators import OperatorFlow
from idp.storage.models import milliseconds

KIND = "clerk"
SEARCH = AskFields("operator.post", (Field("username", FieldKind.ID_NUMBER),))
FORM = AskFields(
    "operator.card",
    (
        Field("full_name", FieldKind.NAME),
        Field("birth_date", FieldKind.BIRTH_DATE),
        Field("sex", FieldKind.CHOICE, choices=("male", "female")),
        Field("other_number", FieldKind.ID_NUMBER, required=False),
        Field("phone", FieldKind.PHONE),
        Field("email", FieldKind.EMAIL, required=False),
        Field("delivery", FieldKind.CHOICE, choices=tuple(Delivery)),
    ),
)
CHECKS = ("card_seen", "consent")
"""What the clerk confirms: the card was held against the person; the person agreed."""


class ClerkState(msgspec.Struct, frozen=True):
    """What one issue in progress remembers; ``code`` is set at the end."""

    officer: str
    number: str
    typed: dict[str, str] = {}
    delivery: str = ""
    phone: str = ""
    code: str = ""
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class ClerkFlow:
    """What a clerk does at the counter of a post office."""

    operators: OperatorFlow
    counter: CounterFlow
    journeys: Journeys[ClerkState]

    def search(
        self, officer: Officer, filled: Filled, visitor: Visitor, *, now: datetime
    ) -> UUID | dict[str, Said]:
        """Look the number up; without an account the card can be typed."""
        try:
            number = IdNumber.parse(filled.values.get("username", ""))
        except InvalidInput as error:
            return {"username": Said(f"error.{error.code}")}
        found = self.operators.look_up(officer, number, now=now)
        if isinstance(found, Said):
            return {"": found}
        if found is not None:
            return {"username": Said("error.operator.exists")}
        state = ClerkState(officer.account_id.hex, number.value)
        return self.journeys.start(state, visitor, now=now)

    def find(
        self, officer: Officer, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[ClerkState] | None:
        """The issue in progress, if it is this clerk's."""
        journey = self.journeys.find(transaction_id, visitor, now=now)
        is_own = journey is not None and journey.state.officer == officer.account_id.hex
        return journey if is_own else None

    def submit(
        self,
        officer: Officer,
        journey: Journey[ClerkState],
        filled: Filled,
        checks: frozenset[str],
        *,
        now: datetime,
    ) -> Answer[ClerkState]:
        """Read the card and issue the activation, once."""
        if journey.state.code:
            return Answer(journey)
        if journey.state.delivery:
            return Answer(journey, {"": Said("error.operator.again")})
        typed = dict(filled.values)
        faults = {name: Said(f"error.operator.{name}") for name in CHECKS if name not in checks}
        card = _card(journey.state.number, typed)
        identity = self.counter.read(card, office=officer.unit, now=now)
        if isinstance(identity, Unreadable):
            faults = {**{n: Said(f"error.{c}") for n, c in identity.faults.items()}, **faults}
        if typed.get("delivery") not in set(Delivery):
            faults["delivery"] = Said("error.operator.delivery")
        if faults or isinstance(identity, Unreadable):
            return Answer(self.journeys.save(journey, typed=typed), faults)
        # Whoever saves this step is the only one to issue: a double post issues once.
        delivery = Delivery(typed["delivery"])
        phone = identity.phone.masked if identity.phone else ""
        journey = self.journeys.save(journey, typed=typed, delivery=str(delivery), phone=phone)
        try:
            issued = self.counter.issue(
                identity,
                Clerk(officer.number, officer.unit),
                delivery=delivery,
                officer=officer,
                now=now,
            )
        except Conflict as error:
            if error.code != "account.exists":
                raise
            fault = {"other_number": Said("error.operator.exists")}
            return Answer(self.journeys.save(journey, delivery=""), fault)
        kept = {"code": issued.code, "expires_at": milliseconds(issued.expires_at)}
        return Answer(self.journeys.save(journey, **kept))

    def finish(self, journey: Journey[ClerkState], *, now: datetime) -> None:
        """The slip was handed over, or the clerk gives up: forget what was typed."""
        self.journeys.end(journey, now=now)


def _card(number: str, typed: dict[str, str]) -> Card:
    other = typed.get("other_number", "").strip()
    return Card(
        number,
        typed.get("full_name", ""),
        typed.get("birth_date", ""),
        typed.get("phone", ""),
        typed.get("sex", ""),
        typed.get("email", "").strip(),
        (other,) if other else (),
    )
