"""What every part of a registration does: find its method, keep the journey, show its screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idp.authenticators.contract import AskFields, Method, Registration, Screen
from idp.domain.errors import Conflict
from idp.domain.subjects import SubjectKind
from idp.flows.answers import Answer, Journey, Said
from idp.flows.journeys import Journeys
from idp.flows.registration.state import RegistrationState, Step
from idp.metrics import REGISTRATIONS, Meter


@dataclass(frozen=True, slots=True)
class Steps:
    """The small steps, and what they need."""

    methods: tuple[Method, ...]
    journeys: Journeys[RegistrationState]
    meter: Meter = field(default_factory=Meter)

    # --- which method ---------------------------------------------------------------------------

    def find_method(self, name: str) -> Registration | None:
        """How the method of that name registers, where it does."""
        return next((m.registration for m in self.methods if m.name == name), None)

    def method(self, journey: Journey[RegistrationState]) -> Registration:
        """How the chosen method registers. Raises ``Conflict`` where it was closed since."""
        found = self.find_method(journey.state.method)
        if found is None:
            raise Conflict("method.closed")
        return found

    def at_first_screen(self, journey: Journey[RegistrationState]) -> Journey[RegistrationState]:
        """Back to where the method begins."""
        first = self.method(journey).start(SubjectKind(journey.state.subject))
        return self.put(
            journey,
            screen=first.screen,
            method_state=dict(first.state),
            captcha=self.captcha_for(first.screen, is_human=journey.state.is_human),
        )

    def captcha_for(self, screen: Screen, *, is_human: bool) -> str:
        """A new picture, where the screen has one and this person has not passed one yet."""
        asks = isinstance(screen, AskFields) and screen.is_guarded and not is_human
        return self.journeys.captchas.new_answer() if asks else ""

    # --- what is kept and told ------------------------------------------------------------------

    def put(
        self,
        journey: Journey[RegistrationState],
        **changes: Any,  # noqa: ANN401
    ) -> Journey[RegistrationState]:
        """The journey with these changes, kept with its next answer."""
        return self.journeys.put(journey, **changes)

    def exists(self, journey: Journey[RegistrationState]) -> Answer[RegistrationState]:
        """One of the proven numbers has an account: three ways out (R14)."""
        self.count(journey, "exists")
        return self.answer(self.put(journey, step=Step.EXISTS))

    def begin_again(
        self, journey: Journey[RegistrationState], key: str, values: Mapping[str, str]
    ) -> Answer[RegistrationState]:
        """What was proven counts no more: the first screen tells why.

        The text is kept, since it may be a script that asked.
        """
        journey = self.put(
            self.at_first_screen(journey),
            step=Step.METHOD,
            told=(key, dict(values)),
            identity={},
            credential={},
            evidence=None,
            once="",
            code=None,
        )
        return self.answer(journey)

    def count(self, journey: Journey[RegistrationState], outcome: str) -> None:
        """Tell the operators."""
        self.meter.count(REGISTRATIONS, journey.state.method, outcome)

    def answer(
        self,
        journey: Journey[RegistrationState],
        *,
        faults: Mapping[str, Said] | None = None,
        notice: Said | None = None,
    ) -> Answer[RegistrationState]:
        """Keep the journey and show its screen."""
        return Answer(self.journeys.save(journey), faults or {}, notice)
