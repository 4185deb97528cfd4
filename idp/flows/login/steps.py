"""What every part of a sign-in does: keep the journey, refuse, note it, open the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from idp.authenticators.contract import Login, Method, Refusal, Refused
from idp.domain.accounts import Account, AccountStatus
from idp.domain.assurance import IAL, Evidence, Resistance
from idp.domain.events import AuditEvent, Event
from idp.domain.ids import NOBODY
from idp.domain.subjects import IdNumber
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.journeys import Journeys
from idp.flows.limits import Limits
from idp.flows.login.state import LoginState, SignedIn, does
from idp.flows.opening import Opening, Proven, details_of
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database


@dataclass(frozen=True, slots=True)
class Steps:
    """The small steps, and the stores that they need."""

    methods: tuple[Method, ...]
    database: Database
    journeys: Journeys[LoginState]
    accounts: AccountStore
    credentials: CredentialStore
    opening: Opening
    audit: AuditStore
    limits: Limits

    # --- which method ---------------------------------------------------------------------------

    @property
    def first_method(self) -> Method:
        """The method of the default tab (R42)."""
        return self.method_for(IAL.NONE)

    def method_for(self, level: IAL, resists: Resistance = Resistance.NONE) -> Method:
        """The first method that can prove that much; the first of all when none can."""
        able = [method for method in self.methods if method.login is not None]
        return next((method for method in able if does(method, level, resists)), able[0])

    def method(self, journey: Journey[LoginState]) -> Method:
        """The chosen method; the first one where the state names none that is here."""
        return next(
            (method for method in self.methods if method.name == journey.state.method),
            self.first_method,
        )

    def login(self, journey: Journey[LoginState]) -> Login:
        """How the chosen method signs in. Raises ``LookupError`` where it cannot."""
        method = self.method(journey)
        if method.login is None:
            raise LookupError(method.name)
        return method.login

    def with_keys(self, journey: Journey[LoginState], account: Account | None) -> Account | None:
        """The account with what its method kept, where the method needs it.

        Without an account the same question is asked in vain (security rule 6).
        """
        method = self.method(journey)
        if not method.has_keys:
            return account
        keys = self.credentials.keys(account.id if account else NOBODY, method.name)
        return replace(account, keys=keys) if account else None

    # --- what is kept and told ------------------------------------------------------------------

    def put(self, journey: Journey[LoginState], **changes: Any) -> Journey[LoginState]:  # noqa: ANN401
        """The journey with these changes, kept with its next answer."""
        return self.journeys.put(journey, **changes)

    def answer(
        self,
        journey: Journey[LoginState],
        *,
        faults: Mapping[str, Said] | None = None,
        notice: Said | None = None,
    ) -> Answer[LoginState]:
        """Keep the journey and show its screen."""
        return Answer(self.journeys.save(journey), faults or {}, notice)

    def ask_captcha(
        self, journey: Journey[LoginState], faults: Mapping[str, Said]
    ) -> Answer[LoginState]:
        """Another picture, with what was wrong."""
        journey = self.put(journey, captcha=self.journeys.captchas.new_answer())
        return self.answer(journey, faults=faults or {"captcha": Said("error.captcha.empty")})

    def refuse(
        self, journey: Journey[LoginState], key: str, values: Mapping[str, str]
    ) -> Answer[LoginState]:
        """Back to the form, with the reason kept: it may be a script that asked."""
        outcome = "blocked" if key == "refusal.frozen" else "refused"
        self.opening.count(journey.state.method, outcome)
        told = (key, dict(values))
        return self.answer(self.put(journey, screen=None, method_state={}, told=told))

    def note(
        self,
        journey: Journey[LoginState],
        event: Event,
        account: Account | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> None:
        """A failure goes into the history of the account it was about.

        One about nobody is kept as well: it shows who tries numbers, and takes the same time
        (security rule 6).
        """
        row = AuditEvent(
            event,
            now,
            account.id if account else None,
            client_id=journey.state.client_id or None,
            details=details_of(visitor, journey.state.method, ""),
        )
        with self.database.transaction() as connection:
            self.audit.add(connection, row)

    # --- how it ends ----------------------------------------------------------------------------

    def verified(
        self,
        journey: Journey[LoginState],
        account: Account,
        evidence: Evidence,
        once: str,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState] | SignedIn:
        """The method is content: the account may still be closed to it, or the proof be spent."""
        visitor, now = at
        if account.status is not AccountStatus.ACTIVE:
            self.note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
            return self.refuse(journey, "refusal.frozen", {})
        if once:
            # Counted before the verdict is used, however many codes come at the same time.
            refusal = self.limits.before_code(account.id.hex, now=now)
            if refusal:
                return self.ask_captcha(journey, {"": refusal})
            if not self.opening.spend(once, now=now):
                spent = Refused(Refusal.WRONG_OR_SPENT, is_code_wrong=True)
                return self.ask_again(journey, account, spent, at)
            self.limits.after_right_code(account.id.hex)
        if journey.state.number:
            self.limits.after_login(IdNumber.parse(journey.state.number), visitor, now=now)
        return self.finish(journey, proven_by(journey, account.id, evidence), visitor, now=now)

    def ask_again(
        self,
        journey: Journey[LoginState],
        account: Account | None,
        refused: Refused,
        at: tuple[Visitor, datetime],
    ) -> Answer[LoginState]:
        """Count what was wrong, note it, and tell no more than that something was."""
        visitor, now = at
        number = IdNumber.parse(journey.state.number)
        self.limits.after_wrong_password(number, visitor, now=now)
        event = Event.CODE_WRONG if refused.is_code_wrong else Event.LOGIN_REFUSED
        self.opening.count(journey.state.method, "refused")
        self.note(journey, event, account, visitor, now=now)
        told = None
        if refused.is_code_wrong and account is not None:
            told = self.limits.before_code(account.id.hex, now=now)
        return self.ask_captcha(journey, {"": told or Said(f"refusal.{refused.reason}")})

    def finish(
        self, journey: Journey[LoginState], proven: Proven, visitor: Visitor, *, now: datetime
    ) -> SignedIn:
        """Open the session; back to whoever waits. Raises ``Conflict`` where it has ended."""
        cookie = self.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, journey.state.request, journey.state.back)


def proven_by(journey: Journey[LoginState], account_id: UUID, evidence: Evidence) -> Proven:
    """What this sign-in proved, and for what."""
    state = journey.state
    return Proven(account_id, replace(evidence, made_for=state.made_for), state.client_id)
