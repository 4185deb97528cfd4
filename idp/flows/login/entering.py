"""Whose credential it is: the account that it opens, or the one that it is added to (S6, S15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from idp.authenticators.contract import Presented
from idp.domain.accounts import AccountStatus, Credential
from idp.domain.assurance import Evidence
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.flows.answers import Answer, Journey, Visitor
from idp.flows.login.state import LoginState, SignedIn
from idp.flows.login.steps import Steps, proven_by
from idp.flows.notices import Extra, Notices
from idp.flows.opening import Proven, details_of
from idp.flows.reverifying import Renewal
from idp.storage.levels import LevelStore


@dataclass(frozen=True, slots=True)
class Entering:
    """From a proven credential to a session."""

    steps: Steps
    levels: LevelStore
    notices: Notices
    renewal: Renewal

    def enter(
        self,
        journey: Journey[LoginState],
        credential: Credential,
        evidence: Evidence,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Find whose credential it is: this very one, or the successor of one (S15)."""
        if journey.state.binding:
            return self._bind(journey, credential, evidence, visitor, now=now)
        renewed = None
        owner = self.steps.credentials.owner(credential)
        if owner is None:
            owner, renewed = self.steps.credentials.owner_of_predecessor(credential), credential
        account = self.steps.accounts.get(owner) if owner else None
        if account is None or account.status is AccountStatus.CLOSED:
            return self.steps.refuse(journey, "refusal.not_registered", {})
        if account.status is AccountStatus.FROZEN:
            self.steps.note(journey, Event.LOGIN_BLOCKED, account, visitor, now=now)
            return self.steps.refuse(journey, "refusal.frozen", {})
        proven = replace(proven_by(journey, account.id, evidence), renewed=renewed)
        return self.steps.finish(journey, proven, visitor, now=now)

    def reverify(
        self,
        journey: Journey[LoginState],
        presented: Presented,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Renew the facts of the account that asked, with a certificate of its own (S11)."""
        account_id = UUID(hex=journey.state.reverifying)
        refusal = self.renewal.renew(account_id, presented, visitor, now=now)
        if refusal:
            return self.steps.refuse(journey, refusal, {})
        proven = Proven(account_id, presented.evidence, "")
        cookie = self.steps.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, "", "/account?saved")

    def _bind(
        self,
        journey: Journey[LoginState],
        credential: Credential,
        evidence: Evidence,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[LoginState] | SignedIn:
        """Add it to the account that asked, if it was made for that very person (S6)."""
        account_id = UUID(hex=journey.state.binding)
        if not self.levels.is_own(account_id, credential):
            return self.steps.refuse(journey, "refusal.credential_of_another", {})
        try:
            with self.steps.database.transaction() as connection:
                self.levels.bind(connection, account_id, credential, evidence, now=now)
                details = details_of(visitor, evidence.method, f"ial{int(evidence.ial)}")
                event = AuditEvent(Event.CREDENTIAL_ADDED, now, account_id, details=details)
                self.notices.tell(connection, event, Extra({"method": evidence.method}))
        except Conflict as error:
            return self.steps.refuse(journey, f"refusal.{error.code.replace('.', '_')}", {})
        proven = Proven(account_id, evidence, "")
        cookie = self.steps.opening.open(journey.stored, proven, visitor, now=now)
        return SignedIn(cookie, "", "/account/methods?saved")

    def end_proof(
        self, revoked: str, values: Mapping[str, str], visitor: Visitor, *, now: datetime
    ) -> None:
        """A certificate that its CA revoked takes its level along (S6).

        ``values`` say when it was revoked, and by whom.
        """
        with self.steps.database.transaction() as connection:
            account_id = self.levels.revoke(connection, revoked, now=now)
            if account_id is not None:
                method = revoked.partition(" ")[0]
                told = {**values, "method": method}
                details = {**told, "ip": visitor.ip, "reason": "revoked"}
                event = AuditEvent(Event.CREDENTIAL_REMOVED, now, account_id, details=details)
                self.notices.tell(connection, event, Extra(told, variant="revoked"))
