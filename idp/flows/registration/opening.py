"""The proven identity becomes an account: with a password, where the method sets one.

Nothing is written about the person before, and that is one transaction: a process that dies
anywhere leaves either no account or a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from idp.authenticators.contract import Proofed
from idp.domain import identities
from idp.domain.accounts import Identity
from idp.domain.assurance import IAL, Amr, Evidence
from idp.domain.errors import Conflict, WeakPassword
from idp.domain.events import AuditEvent, Event
from idp.domain.passwords import check_password
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.registration.state import RegistrationState, Step
from idp.flows.registration.steps import Steps
from idp.ports import Hasher
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.models import milliseconds, moment
from idp.storage.single_use import spend_proof

_PROOF_KEPT = timedelta(days=30)
_SPENT = "proof.spent"


@dataclass(frozen=True, slots=True)
class OpeningSteps:
    """Opens the account, whole."""

    steps: Steps
    database: Database
    accounts: AccountStore
    audit: AuditStore
    hasher: Hasher

    def proofed(
        self,
        journey: Journey[RegistrationState],
        proofed: Proofed,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        """The method is content: a password follows, or the account at once."""
        credential = proofed.credential
        journey = self.steps.put(
            journey,
            step=Step.PASSWORD,
            identity=identities.to_text(proofed.identity),
            credential=identities.credential_to_text(credential) if credential else {},
            evidence=_kept(proofed.evidence),
            once=proofed.once,
            code=None,
        )
        if self.steps.method(journey).sets_password:
            return self.steps.answer(journey)
        return self._open(journey, proofed.identity, None, visitor, now=now)

    def choose_password(
        self,
        journey: Journey[RegistrationState],
        password: str,
        again: str,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        """Check the rule (R20) and open the account."""
        state = journey.state
        if state.step is not Step.PASSWORD or state.evidence is None:
            return self.steps.answer(journey)
        identity = identities.from_text(state.identity)
        try:
            check_password(password, personal=_personal(identity))
        except WeakPassword as error:
            return self.steps.answer(journey, faults={"password": Said(f"error.{error.code}")})
        if password != again:
            fault = Said("error.password.mismatch")
            return self.steps.answer(journey, faults={"password_again": fault})
        hashed = self.hasher.hash(password)
        return self._open(journey, identity, hashed, visitor, now=now)

    def _open(
        self,
        journey: Journey[RegistrationState],
        identity: Identity,
        hashed: str | None,
        visitor: Visitor,
        *,
        now: datetime,
    ) -> Answer[RegistrationState]:
        state, evidence = journey.state, _evidence(journey.state)
        text = state.credential
        try:
            with self.database.transaction() as connection:
                _spend(connection, state.once, now=now)
                account_id = self.accounts.open_account(
                    connection,
                    identity,
                    evidence,
                    password_hash=hashed,
                    credential=identities.credential_from_text(text) if text else None,
                    now=now,
                )
                details = _details(visitor, evidence)
                event = AuditEvent(Event.ACCOUNT_OPENED, now, account_id, details=details)
                self.audit.add(connection, event)
        except Conflict as error:
            if error.code == _SPENT and not self.accounts.has_any(identity.id_numbers):
                return self.steps.begin_again(journey, "refusal.proof_replaced", {})
            return self.steps.exists(journey)
        self.steps.count(journey, "opened")
        done = RegistrationState(
            state.method, state.subject, state.login, Step.DONE, evidence=state.evidence
        )
        return self.steps.answer(replace(journey, state=done))


def _kept(evidence: Evidence) -> tuple[str, int, tuple[str, ...], int, str | None]:
    return (
        evidence.method,
        int(evidence.ial),
        tuple(map(str, evidence.amr)),
        milliseconds(evidence.at),
        evidence.vouched_by,
    )


def _evidence(state: RegistrationState) -> Evidence:
    method, ial, amr, at, vouched_by = state.evidence or ("", 1, (), 0, None)
    return Evidence(method, IAL(ial), tuple(map(Amr, amr)), moment(at), vouched_by)


def _details(visitor: Visitor, evidence: Evidence) -> dict[str, str]:
    """What the first line of the account's history says."""
    vouched = {"operator": evidence.vouched_by} if evidence.vouched_by else {}
    level = f"ial{int(evidence.ial)}"
    return {"ip": visitor.ip, "method": evidence.method, "level": level, **vouched}


def _spend(connection: Connection, once: str, *, now: datetime) -> None:
    """A proof for one account is spent with the account that it opens."""
    if once and not spend_proof(connection, once, kept=_PROOF_KEPT, now=now):
        raise Conflict(_SPENT)


def _personal(identity: Identity) -> list[str]:
    """What the owner's password must not hold."""
    birth = identity.birth_date
    return [
        identity.name.display,
        *(number.value for number in identity.id_numbers),
        *([identity.phone.national] if identity.phone else []),
        *([birth.display, birth.iso] if birth else []),
    ]
