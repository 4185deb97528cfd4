"""The forms and screens of the method, until the identity is proven."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idp.authenticators.contract import (
    AskCode,
    AskFields,
    AskSignature,
    AwaitPhone,
    Continue,
    Filled,
    Invalid,
    Poll,
    Proofed,
    Refused,
    Registration,
    Reply,
    Signed,
)
from idp.domain.errors import InvalidInput, PortError
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Journey, Said, Visitor, faults_of, source_down
from idp.flows.limits import Limits
from idp.flows.registration.code import CodeSteps
from idp.flows.registration.opening import OpeningSteps
from idp.flows.registration.state import RegistrationState
from idp.flows.registration.steps import Steps
from idp.storage.accounts import AccountStore


@dataclass(frozen=True, slots=True)
class ProvingSteps:
    """Hands every reply to the method, and does what its answer says."""

    steps: Steps
    code: CodeSteps
    opening: OpeningSteps
    accounts: AccountStore
    limits: Limits

    # --- what the person does -------------------------------------------------------------------

    def submit(
        self,
        journey: Journey[RegistrationState],
        filled: Filled,
        captcha: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        """Read the form, ask the source, look for an account, send a code: in this order."""
        state = journey.state
        if not isinstance(state.screen, AskFields):
            return self.steps.answer(journey)
        journey = self.steps.put(journey, typed={**state.typed, **filled.values}, told=None)
        journey, faults = self._check_captcha(journey, captcha)
        registration = self.steps.method(journey)
        invalid = registration.validate(state.method_state, filled, now=now)
        if invalid is not None:
            faults = {**faults_of(invalid), **faults}
        if faults:
            return self.steps.answer(journey, faults=faults)
        refusal = self._count(registration, filled, visitor, now=now)
        if refusal:
            self.steps.count(journey, "throttled")
            return self.steps.answer(journey, notice=refusal)
        answer = self._resume(journey, state.method_state, filled, (visitor, now))
        phone = registration.disturbs(filled)
        if phone and not isinstance(answer.journey.state.screen, AwaitPhone):
            self.limits.after_prompt(phone)
        return answer

    def sign(
        self, journey: Journey[RegistrationState], token: str, visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """What the signing tool answered. Its challenge is forgotten before it is looked at."""
        state = journey.state
        if not isinstance(state.screen, AskSignature):
            return self.steps.answer(journey)
        journey = self.steps.journeys.save(self.steps.at_first_screen(journey))
        return self._resume(journey, state.method_state, Signed(token), (visitor, now))

    def poll(
        self, journey: Journey[RegistrationState], visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Ask whether the phone has answered, not more than once in a second or two."""
        state = journey.state
        if not isinstance(state.screen, AwaitPhone):
            return self.steps.answer(journey)
        if not self.limits.may_poll(journey.stored.id, now=now):
            return self.steps.answer(journey)
        answer = self._resume(journey, state.method_state, Poll(), (visitor, now))
        if not isinstance(answer.journey.state.screen, AwaitPhone):
            self.limits.after_prompt(state.screen.phone)
        return answer

    def confirm(
        self, journey: Journey[RegistrationState], typed: str, visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Check the code; the right one proves the identity."""
        checked = self.code.check(journey, typed, now=now)
        if isinstance(checked, Answer):
            return checked
        return self._resume(journey, journey.state.method_state, checked, (visitor, now))

    def restart(
        self, journey: Journey[RegistrationState], visitor: Visitor, *, now: datetime
    ) -> Answer[RegistrationState]:
        """Back to the method's first screen, or past it when it asks for nothing."""
        journey = self.steps.put(self.steps.at_first_screen(journey), told=None)
        first = journey.state.screen
        if isinstance(first, AskFields) and not first.fields:
            return self.submit(journey, Filled({}), "", visitor, now=now)
        return self.steps.answer(journey)

    # --- before the method is asked -------------------------------------------------------------

    def _check_captcha(
        self, journey: Journey[RegistrationState], typed: str
    ) -> tuple[Journey[RegistrationState], dict[str, Said]]:
        if not journey.state.captcha:
            return journey, {}
        changes, faults = self.steps.journeys.check_picture(journey.state, typed)
        return self.steps.put(journey, **changes), faults

    def _count(
        self, registration: Registration, filled: Filled, visitor: Visitor, *, now: datetime
    ) -> Said | None:
        """Count before anybody outside is asked or disturbed."""
        phone = registration.disturbs(filled)
        if phone is not None:
            return self.limits.before_prompt(phone, visitor, now=now)
        if "username" in filled.values:
            return self.limits.before_identity_check(_number(filled), visitor, now=now)
        return self.limits.before_step(visitor, now=now)

    # --- what the method answers ----------------------------------------------------------------

    def _resume(
        self,
        journey: Journey[RegistrationState],
        method_state: Mapping[str, str],
        reply: Reply,
        at: tuple[Visitor, datetime],
    ) -> Answer[RegistrationState]:
        visitor, now = at
        try:
            outcome = self.steps.method(journey).resume(method_state, reply, now=now)
        except PortError as error:
            self.steps.count(journey, "unavailable")
            self._give_back(journey, reply, error, at)
            return self.steps.answer(journey, notice=source_down(error))
        match outcome:
            case Continue() as more:
                return self._continue(journey, more, at)
            case Refused() as refused:
                self.steps.count(journey, "refused")
                return self._refuse(journey, refused, reply)
            case Invalid() as invalid:
                return self.steps.answer(journey, faults=faults_of(invalid))
            case Proofed() as proofed:
                return self.opening.proofed(journey, proofed, visitor, now=now)

    def _give_back(
        self,
        journey: Journey[RegistrationState],
        reply: Reply,
        error: PortError,
        at: tuple[Visitor, datetime],
    ) -> None:
        """An outside system failed: what was counted for its sake did not come to pass."""
        if not isinstance(reply, Filled):
            return
        visitor, now = at
        phone = self.steps.method(journey).disturbs(reply)
        if phone is not None:
            self.limits.after_no_prompt(phone, visitor, error, now=now)
        elif "username" in reply.values:
            self.limits.after_no_answer(_number(reply), now=now)

    def _continue(
        self,
        journey: Journey[RegistrationState],
        more: Continue,
        at: tuple[Visitor, datetime],
    ) -> Answer[RegistrationState]:
        screen, identity = more.screen, more.identity
        if identity is not None and self.accounts.has_any(identity.id_numbers):
            # The method's part is over: its screen asks for nothing any more.
            return self.steps.exists(self.steps.put(journey, screen=None, method_state={}))
        journey = self.steps.put(journey, method_state=dict(more.state))
        if isinstance(screen, AskCode):
            visitor, now = at
            return self.code.send(journey, screen.phone, visitor, now=now)
        captcha = self.steps.captcha_for(screen, is_human=journey.state.is_human)
        return self.steps.answer(self.steps.put(journey, screen=screen, captcha=captcha))

    def _refuse(
        self, journey: Journey[RegistrationState], refused: Refused, reply: Reply
    ) -> Answer[RegistrationState]:
        key = f"refusal.{refused.reason}"
        if isinstance(reply, Filled):
            return self.steps.answer(journey, faults={"": Said(key, refused.values)})
        return self.steps.begin_again(journey, key, refused.values)


def _number(filled: Filled) -> str:
    """The typed number as the counters know it: one, however it was written."""
    try:
        return IdNumber.parse(filled.values["username"]).value
    except InvalidInput:
        plain = unicodedata.normalize("NFKC", filled.values["username"])
        return "".join(filter(str.isalnum, plain))
