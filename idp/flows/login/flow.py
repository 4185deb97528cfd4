"""Signing in: the dispatcher. Steps never route to one another; kept state decides the next one.

    form --(id number and password right)--> code --(code right)--> done: a session
      |
      +--(a method with a credential)--> its screens --(credential proven)--> done: a session

Every refusal leaves what was typed in place. Whether an account exists is told to nobody but the
holder of a credential that was just proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from idp.authenticators.contract import AskFields, FieldKind, Filled, Invalid, Method
from idp.domain.assurance import IAL, Resistance
from idp.flows.answers import Answer, Journey, Visitor, faults_of
from idp.flows.login.acting import ActingSteps
from idp.flows.login.credential import CredentialSteps
from idp.flows.login.password import PasswordSteps
from idp.flows.login.state import LoginState, SignedIn, does
from idp.flows.login.steps import Steps

KIND = "login"


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """Signing in with any method that can."""

    steps: Steps
    password: PasswordSteps
    credential: CredentialSteps
    acting: ActingSteps

    # --- beginning and finding ------------------------------------------------------------------

    def start(self, state: LoginState, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin for this browser."""
        self.steps.opening.count(state.method, "begun")
        return self.steps.journeys.start(state, visitor, now=now)

    def find(
        self, transaction_id: UUID, visitor: Visitor, *, now: datetime
    ) -> Journey[LoginState] | None:
        """The sign-in in progress, if it is this browser's."""
        return self.steps.journeys.find(transaction_id, visitor, now=now)

    def cancel(self, journey: Journey[LoginState], *, now: datetime) -> str:
        """Give up; answers the request that waited, so that the portal hears of it."""
        self.steps.journeys.end(journey, now=now)
        self.steps.opening.count(journey.state.method, "cancelled")
        return journey.state.request

    # --- the method -----------------------------------------------------------------------------

    @property
    def methods(self) -> tuple[Method, ...]:
        """Every method, in the order of the tabs."""
        return self.steps.methods

    def method_for(self, level: IAL, resists: Resistance = Resistance.NONE) -> Method:
        """See ``Steps.method_for``."""
        return self.steps.method_for(level, resists)

    def form(self, journey: Journey[LoginState]) -> AskFields:
        """The form of the chosen method."""
        return self.steps.login(journey).start()

    def choose(self, journey: Journey[LoginState], method: str) -> Answer[LoginState]:
        """Another tab: another method, from its first screen (R42)."""
        state = journey.state
        able = {
            m.name for m in self.steps.methods if m.login and does(m, state.floor, state.resists)
        }
        if method not in able:
            return self.steps.answer(journey)
        journey = self.steps.put(
            journey,
            method=method,
            code=None,
            account="",
            screen=None,
            method_state={},
            told=None,
            choice=None,
            captcha=state.captcha if method == state.method else "",
        )
        form = self.form(journey)
        if form.is_guarded and not state.is_human and not journey.state.captcha:
            journey = self.steps.put(journey, captcha=self.steps.journeys.captchas.new_answer())
        return self.steps.answer(journey)

    def restart(
        self, journey: Journey[LoginState], visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """The method from its first screen, or past it when it asks for nothing."""
        answer = self.choose(journey, journey.state.method)
        if self.form(answer.journey).fields:
            return answer
        return self.submit(answer.journey, Filled({}), "", visitor, now=now)

    # --- the form -------------------------------------------------------------------------------

    def submit(
        self,
        journey: Journey[LoginState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Take the first screen: a number and a secret, or what a credential needs."""
        login = self.steps.login(journey)
        secrets = {asked.name for asked in self.form(journey).fields if asked.kind in _SECRETS}
        typed = {name: text for name, text in filled.values.items() if name not in secrets}
        journey = self.steps.put(journey, typed={**journey.state.typed, **typed}, told=None)
        number = login.identify(filled)
        if isinstance(number, Invalid):
            return self.steps.answer(journey, faults=faults_of(number))
        if number is None:
            return self.credential.ask(journey, login, filled, captcha, (visitor, now))
        return self.password.submit(journey, filled, captcha, number, (visitor, now))

    def new_captcha(self, journey: Journey[LoginState]) -> Journey[LoginState]:
        """Another picture."""
        return self.steps.journeys.new_picture(journey)

    def keep(self, journey: Journey[LoginState], typed: Mapping[str, str]) -> Journey[LoginState]:
        """Keep what was typed while the picture changes."""
        return self.steps.put(journey, typed=dict(typed))


_SECRETS = frozenset({FieldKind.PASSWORD, FieldKind.CODE})
