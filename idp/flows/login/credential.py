"""Methods with a credential of their own: token, SIM, passkey; each screen as the method says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idp.authenticators.contract import (
    AskSignature,
    AwaitPhone,
    Claimed,
    Continue,
    Filled,
    Invalid,
    Login,
    Poll,
    Presented,
    Refused,
    Reply,
    Signed,
    Verified,
)
from idp.domain.errors import PortError
from idp.domain.events import Event
from idp.flows.answers import Answer, Journey, Said, Visitor, faults_of, source_down
from idp.flows.login.acting import ActingSteps
from idp.flows.login.entering import Entering
from idp.flows.login.state import LoginState, SignedIn, is_awaited
from idp.flows.login.steps import Steps


@dataclass(frozen=True, slots=True)
class CredentialSteps:
    """From the first screen of such a method to the credential that it proved."""

    steps: Steps
    entering: Entering
    acting: ActingSteps

    def ask(
        self,
        journey: Journey[LoginState],
        login: Login,
        filled: Filled,
        captcha: str,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """Start a signature: after a captcha where a phone would ring, and counted."""
        visitor, now = at
        if login.start().is_guarded and not journey.state.is_human:
            if not self.steps.journeys.captchas.is_right(journey.state.captcha, captcha):
                key = "error.captcha.wrong" if captcha else "error.captcha.empty"
                return self.steps.ask_captcha(journey, {"captcha": Said(key)})
            journey = self.steps.put(journey, is_human=True, captcha="")
        phone = login.disturbs(filled)
        refusal = (
            self.steps.limits.before_prompt(phone, visitor, now=now)
            if phone
            else self.steps.limits.before_step(visitor, now=now)
        )
        if refusal:
            self.steps.opening.count(journey.state.method, "throttled")
            return self.steps.answer(journey, notice=refusal)
        result = self._resume(journey, {}, filled, visitor, now=now)
        if isinstance(result, SignedIn):
            raise TypeError(journey.state.method)
        if phone and not is_awaited(result):
            self.steps.limits.after_prompt(phone)
        return result

    def sign(
        self, journey: Journey[LoginState], token: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """What the signing tool answered. Its challenge is forgotten before it is looked at."""
        state = journey.state
        if not isinstance(state.screen, AskSignature):
            return self.steps.answer(journey)
        journey = self.steps.journeys.save(self.steps.put(journey, screen=None, method_state={}))
        return self._resume(journey, state.method_state, Signed(token), visitor, now=now)

    def poll(
        self, journey: Journey[LoginState], visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """Ask whether the phone has answered, not more than once in a second or two."""
        state = journey.state
        if not isinstance(state.screen, AwaitPhone):
            return self.steps.answer(journey)
        if not self.steps.limits.may_poll(journey.stored.id, now=now):
            return self.steps.answer(journey)
        result = self._resume(journey, state.method_state, Poll(), visitor, now=now)
        if not is_awaited(result):
            self.steps.limits.after_prompt(state.screen.phone)
        return result

    def _resume(
        self,
        journey: Journey[LoginState],
        method_state: Mapping[str, str],
        reply: Reply,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        try:
            outcome = self.steps.login(journey).resume(None, method_state, reply, now=now)
        except PortError as error:
            self.steps.opening.count(journey.state.method, "unavailable")
            phone = self.steps.login(journey).disturbs(reply) if isinstance(reply, Filled) else None
            if phone is not None:
                self.steps.limits.after_no_prompt(phone, visitor, error, now=now)
            return self.steps.answer(journey, notice=source_down(error))
        match outcome:
            case Continue(AskSignature() | AwaitPhone() as screen, kept):
                journey = self.steps.put(journey, screen=screen, method_state=dict(kept))
                return self.steps.answer(journey)
            case Claimed() as claimed:
                return self._claim(journey, method_state, claimed, reply, (visitor, now))
            case Presented() as presented:
                return self.acting.present(journey, presented, visitor, now=now)
            case Invalid() as invalid:
                return self.steps.answer(journey, faults=faults_of(invalid))
            case Refused(reason, values, revoked):
                if revoked:
                    self.entering.end_proof(revoked, values, visitor, now=now)
                return self.steps.refuse(journey, f"refusal.{reason}", values)
            case Continue() | Verified():
                raise TypeError(journey.state.method)

    def _claim(
        self,
        journey: Journey[LoginState],
        method_state: Mapping[str, str],
        claimed: Claimed,
        reply: Reply,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        """Let the method check the reply against what it kept with that credential."""
        owner = self.steps.credentials.owner_of_key(journey.state.method, claimed.key)
        account = self.steps.with_keys(journey, self.steps.accounts.get(owner) if owner else None)
        if account is None:
            return self.steps.refuse(journey, f"refusal.{claimed.unknown}", {})
        match self.steps.login(journey).resume(account, method_state, reply, now=at[1]):
            case Verified(evidence, once):
                return self.steps.verified(journey, account, evidence, once, at)
            case Refused(reason, values, _):
                self.steps.note(journey, Event.LOGIN_REFUSED, account, at[0], now=at[1])
                return self.steps.refuse(journey, f"refusal.{reason}", values)
            case _:
                return self.steps.refuse(journey, f"refusal.{claimed.unknown}", {})
