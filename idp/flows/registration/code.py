"""The code that proves the phone of somebody who registers (R17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from idp.authenticators.contract import AskCode, CodeConfirmed
from idp.domain.subjects import PhoneNumber
from idp.flows.answers import Answer, Journey, Visitor
from idp.flows.otp import Codes
from idp.flows.registration.state import RegistrationState
from idp.flows.registration.steps import Steps


@dataclass(frozen=True, slots=True)
class CodeSteps:
    """Sends the code, and compares it."""

    steps: Steps
    codes: Codes

    def send(
        self,
        journey: Journey[RegistrationState],
        phone: PhoneNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        """The first code to the phone that the method names."""
        return self.steps.journeys.send_code(
            self.codes,
            journey,
            phone,
            purpose="register",
            visitor=visitor,
            now=now,
            screen=AskCode(phone),
        )

    def resend(
        self, journey: Journey[RegistrationState], visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Another code to the same phone (R17)."""
        sent = journey.state.code
        if sent is None or not isinstance(journey.state.screen, AskCode):
            return self.steps.answer(journey)
        wait = self.codes.wait(sent, now=now)
        if wait:
            return self.steps.answer(journey, notice=wait)
        return self.send(journey, sent.number, visitor, now=now)

    def check(
        self, journey: Journey[RegistrationState], typed: str, *, now: datetime
    ) -> Answer[RegistrationState] | CodeConfirmed:
        """What the method hears of the right code; the page again, where it is not right."""
        sent = journey.state.code
        if sent is None or not isinstance(journey.state.screen, AskCode):
            return self.steps.answer(journey)
        owner = f"registration {sent.to}"
        fault = self.codes.check(
            sent, typed, transaction_id=journey.stored.id, owner=owner, now=now
        )
        if fault:
            return self.steps.answer(journey, faults={"code": fault})
        return CodeConfirmed(sent.number)
