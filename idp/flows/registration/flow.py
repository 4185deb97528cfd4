"""Opening an account.

    the method's screens --(identity proven)--> password, if the method sets one --> done
              |
              +--(a number of the proven identity has an account)--> exists: three ways out (R14)

``proving`` runs the method's screens, ``code`` the code that one of them may ask for, ``opening``
the password and the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from idp.domain.subjects import SubjectKind
from idp.flows.answers import Journey, Visitor
from idp.flows.registration.code import CodeSteps
from idp.flows.registration.opening import OpeningSteps
from idp.flows.registration.proving import ProvingSteps
from idp.flows.registration.state import RegistrationState
from idp.flows.registration.steps import Steps
from idp.metrics import REGISTRATIONS

KIND = "registration"


@dataclass(frozen=True, slots=True)
class RegistrationFlow:
    """Opening an account with any method that can."""

    steps: Steps
    proving: ProvingSteps
    code: CodeSteps
    opening: OpeningSteps

    def start(
        self, method: str, subject: SubjectKind, login: str, visitor: Visitor, *, now: datetime
    ) -> UUID | None:
        """Begin for this browser; None when that subject cannot register that way (R10)."""
        registration = self.steps.find_method(method)
        if registration is None or subject not in registration.subjects:
            return None
        first = registration.start(subject)
        state = RegistrationState(
            method,
            subject,
            login,
            screen=first.screen,
            method_state=dict(first.state),
            captcha=self.steps.captcha_for(first.screen, is_human=False),
        )
        self.steps.meter.count(REGISTRATIONS, method, "begun")
        return self.steps.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[RegistrationState] | None:
        """The registration in progress, if it is this browser's."""
        return self.steps.journeys.find(transaction_id, visitor, now=now)

    def new_captcha(self, journey: Journey[RegistrationState]) -> Journey[RegistrationState]:
        """Another picture."""
        return self.steps.journeys.new_picture(journey)

    def keep(
        self, journey: Journey[RegistrationState], typed: Mapping[str, str]
    ) -> Journey[RegistrationState]:
        """Keep what was typed while the picture changes."""
        return self.steps.put(journey, typed=dict(typed))
