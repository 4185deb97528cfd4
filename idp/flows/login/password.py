"""Number and password, then the code (R41-R46)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from idp.authenticators.contract import (
    AskCode,
    CodeConfirmed,
    Continue,
    Filled,
    Invalid,
    Login,
    Refused,
    Verified,
)
from idp.domain.accounts import Account, AccountStatus, Phone
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Journey, Said, Visitor, faults_of
from idp.flows.login.state import LoginState, SignedIn
from idp.flows.login.steps import Steps, proven_by
from idp.flows.otp import Codes


@dataclass(frozen=True, slots=True)
class PasswordSteps:
    """What somebody knows, and the code that comes to what they have."""

    steps: Steps
    codes: Codes

    def submit(
        self,
        journey: Journey[LoginState],
        filled: Filled,
        captcha: str,
        number: IdNumber,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        """Check number and password; a code follows when they are right."""
        visitor, now = at
        fault = self._check_captcha(journey, captcha, number, visitor, now=now)
        if fault is not None:
            return self.steps.ask_captcha(journey, fault)
        refusal = self.steps.limits.before_password(number, visitor, now=now)
        if refusal:
            self.steps.opening.count(journey.state.method, "throttled")
            return self.steps.answer(journey, notice=refusal)
        return self._check_password(journey, self.steps.login(journey), filled, number, at)

    def _check_captcha(
        self,
        journey: Journey[LoginState],
        typed: str,
        number: IdNumber,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> dict[str, Said] | None:
        """Faults when a captcha is due and not right; it is due after a failure (S14)."""
        expected = journey.state.captcha
        if expected:
            if self.steps.journeys.captchas.is_right(expected, typed):
                return None
            return {"captcha": Said("error.captcha.wrong" if typed else "error.captcha.empty")}
        return {} if self.steps.limits.has_failed(number, visitor, now=now) else None

    def _check_password(
        self,
        journey: Journey[LoginState],
        login: Login,
        filled: Filled,
        number: IdNumber,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        now = at[1]
        journey = self.steps.put(journey, number=number.value)
        account = self.steps.with_keys(journey, self.steps.accounts.find_by_id_number(number))
        outcome = login.resume(account, {}, filled, now=now)
        if isinstance(outcome, Continue | Verified) and account is not None and outcome.rehashed:
            self._rehash(account, outcome.rehashed, now=now)
        match outcome:
            case Verified(evidence, once) if account is not None:
                return self.steps.verified(journey, account, evidence, once, at)
            case Continue(AskCode(phone)) if account is not None:
                return self._send_first(journey, account, self._phone(account, phone.e164), at)
            case Refused() as refused:
                return self.steps.ask_again(journey, account, refused, at)
            case Invalid() as invalid:
                return self.steps.answer(journey, faults=faults_of(invalid))
            case _:
                return self.steps.ask_captcha(journey, {"": Said("refusal.wrong_credentials")})

    def _rehash(self, account: Account, stronger: str, *, now: datetime) -> None:
        """The settings ask for more than when it was set: the same password, hashed anew."""
        steps, event = self.steps, AuditEvent(Event.PASSWORD_REHASHED, now, account.id)
        with steps.database.transaction() as connection:
            if steps.accounts.replace_password_hash(
                connection, account.id, stronger, old_hash=account.password_hash or ""
            ):
                steps.audit.add(connection, event)

    def _send_first(
        self,
        journey: Journey[LoginState],
        account: Account,
        phone: Phone,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """The password was right: a code, unless the account is closed to this way in."""
        visitor, now = at
        blocked = _blocked(account)
        if blocked:
            return self._stop(journey, account, blocked, (visitor, now))
        journey = self.steps.put(journey, account=account.id.hex, captcha="")
        return self._send(journey, phone, visitor, now=now)

    # --- the code -------------------------------------------------------------------------------

    def code_screen(self, journey: Journey[LoginState]) -> AskCode | None:
        """The code screen with the account's other phones, once a code was sent."""
        state = journey.state
        if state.code is None or not state.account:
            return None
        return AskCode(state.code.number, self.steps.accounts.get(UUID(hex=state.account)).phones)

    def resend(
        self,
        journey: Journey[LoginState],
        phone_id: str | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState]:
        """Send another code, to the same phone or another one of the account's (R44, R45)."""
        sent = journey.state.code
        if sent is None or not journey.state.account:
            return self.steps.answer(journey)
        wait = self.codes.wait(sent, now=now)
        if wait:
            return self.steps.answer(journey, notice=wait)
        account = self.steps.accounts.get(UUID(hex=journey.state.account))
        blocked = _blocked(account)
        if blocked:
            return self._stop(journey, account, blocked, (visitor, now))
        picked = next((phone for phone in account.phones if phone.id.hex == phone_id), None)
        phone = picked or self._phone(account, sent.to)
        return self._send(journey, phone, visitor, now=now)

    def confirm(
        self, journey: Journey[LoginState], typed: str, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState] | SignedIn:
        """Check the code; the right one opens a session."""
        state = journey.state
        if state.code is None or not state.account:
            return self.steps.answer(journey)
        fault = self.codes.check(
            state.code, typed, transaction_id=journey.stored.id, owner=state.account, now=now
        )
        account = self.steps.accounts.get(UUID(hex=state.account))
        blocked = _blocked(account)
        if blocked:
            # Since the code was sent, its owner has frozen the account or switched codes off.
            return self._stop(journey, account, blocked, (visitor, now))
        if fault:
            self.steps.note(journey, Event.CODE_WRONG, account, visitor, now=now)
            self.steps.opening.count(state.method, "code_wrong")
            return self.steps.answer(journey, faults={"code": fault})
        reply = CodeConfirmed(state.code.number)
        outcome = self.steps.login(journey).resume(account, {}, reply, now=now)
        if not isinstance(outcome, Verified):
            return self.steps.answer(journey, faults={"": Said("refusal.wrong_credentials")})
        self.steps.limits.after_login(IdNumber.parse(state.number), visitor, now=now)
        proven = proven_by(journey, account.id, outcome.evidence)
        return self.steps.finish(journey, proven, visitor, now=now)

    def _stop(
        self,
        journey: Journey[LoginState],
        account: Account,
        blocked: Said,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """A right password leads nowhere; its owner reads of it in the history."""
        visitor, now = at
        self.steps.note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
        self.steps.opening.count(journey.state.method, "blocked")
        return self.steps.answer(journey, faults={"": blocked})

    def _send(
        self, journey: Journey[LoginState], phone: Phone, visitor: Visitor, *, now: datetime
    ) -> Answer[LoginState]:
        return self.steps.journeys.send_code(
            self.codes,
            journey,
            phone.number,
            purpose="approval" if journey.state.made_for else "login",
            portal=journey.state.portal,
            visitor=visitor,
            now=now,
        )

    @staticmethod
    def _phone(account: Account, e164: str) -> Phone:
        return next(phone for phone in account.phones if phone.number.e164 == e164)


def _blocked(account: Account) -> Said | None:
    """Why a right password leads nowhere; told before any message is sent."""
    if account.status is not AccountStatus.ACTIVE:
        return Said("refusal.frozen")
    return None if account.allows_sms else Said("refusal.sms_off")
