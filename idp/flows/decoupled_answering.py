"""Answering a request that another device began (RFC 8628; CIBA): by a page or by a phone.

Whoever answers, the end is one transaction: the request is decided, a session of its own is opened
for the device or the back office (so that its owner sees it and can end it), the history line, the
notice and the ping are written. Of many answers at once the first counts.

A person who is asked by name (CIBA) says yes with a proof that was made for this very request: by
a sign-in that its page began, or by a signature that its question on the phone asked for. It
answers no other request, and a request is answered once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from idp.domain import decoupled
from idp.domain.assurance import IAL, Achieved, Evidence, achieved, met
from idp.domain.decoupled import Asked, Kind, Proved, Status
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Device, Session
from idp.flows.answers import Said, Visitor
from idp.flows.limits import Limits
from idp.flows.notices import Extra, Notices
from idp.storage.database import Database
from idp.storage.decoupled import DecoupledStore, Waiting
from idp.storage.models import milliseconds
from idp.storage.outbox import OutboxStore
from idp.storage.sessions import ConsentStore, SessionStore

PING = "ciba_ping"
_GIVEN = {Kind.DEVICE: Event.DEVICE_APPROVED, Kind.CIBA: Event.APPROVAL_GIVEN}
_REFUSED = {Kind.DEVICE: Event.DEVICE_REFUSED, Kind.CIBA: Event.APPROVAL_REFUSED}


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers with what: CIBA takes proofs that were made for the request only.

    ``actor_id`` is who acts for the account, where somebody does: what they let in ends with them.
    """

    account_id: UUID
    account_ial: IAL
    evidence: tuple[Evidence, ...]
    text_version: str = ""
    actor_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """Requests and their answers."""

    database: Database
    store: DecoupledStore
    sessions: SessionStore
    consents: ConsentStore
    notices: Notices
    outbox: OutboxStore
    limits: Limits
    level3_max_age: timedelta

    # --- finding --------------------------------------------------------------------------------

    def find_code(self, typed: str, visitor: Visitor, *, now: datetime) -> Waiting | Said:
        """The request that a device shows this code for, or what is wrong with it."""
        if not typed.strip():
            return Said("error.user_code.empty")
        refusal = self.limits.before_user_code(visitor, now=now)
        if refusal:
            return refusal
        code = decoupled.read_user_code(typed)
        found = self.store.find_code(code, now=now) if code else None
        return found or Said("error.user_code.unknown")

    def proven(self, session: Session, *, now: datetime) -> Achieved:
        """What a session proves now, beside what was proven for one request alone."""
        return self._achieved(session.free_proofs, session.account_ial, now=now)

    def fresh(self, waiting: Waiting, session: Session, *, now: datetime) -> Evidence | None:
        """A proof of this session that was made for the request and is enough for it."""
        made = [proof for proof in session.evidence if proof.made_for == waiting.proof_name]
        able = (
            proof
            for proof in reversed(made)
            if waiting.asked.is_met_by(self._achieved((proof,), session.account_ial, now=now))
        )
        return next(able, None)

    # --- answering ------------------------------------------------------------------------------

    def approve(
        self, waiting: Waiting, answerer: Answerer, visitor: Visitor, *, now: datetime
    ) -> None:
        """Yes. Raises ``Conflict`` when it was answered before, is over, or may not be answered.

        The gate of every session stands in the statement that writes it: an account that is frozen
        at this moment gives nothing.
        """
        if waiting.kind is Kind.CIBA and not _is_made_for(waiting, answerer.evidence):
            raise Conflict("request.proof")
        proved = self._achieved(answerer.evidence, answerer.account_ial, now=now)
        if not waiting.asked.is_met_by(proved):
            raise Conflict("request.level")
        asked, account_id = waiting.asked, answerer.account_id
        before = self.consents.items(account_id, asked.client_id) or frozenset()
        with self.database.transaction() as connection:
            device = Device(asked.ip, asked.program)
            session_id, _ = self.sessions.add(
                connection,
                account_id,
                answerer.evidence,
                device=device,
                actor_id=answerer.actor_id,
                now=now,
            )
            facts = _facts(asked, proved)
            self._decide(connection, waiting, Status.APPROVED, account_id, facts, session_id, now)
            if answerer.text_version:
                self._agree(connection, waiting, answerer, before, now=now)
            event = AuditEvent(
                _GIVEN[waiting.kind],
                now,
                account_id,
                answerer.actor_id,
                client_id=asked.client_id,
                session_id=session_id,
                details=_details(visitor, answerer.evidence, proved),
            )
            self.notices.tell(connection, event, Extra({"portal": asked.portal}))

    def refuse(
        self, waiting: Waiting, account_id: UUID, visitor: Visitor, *, now: datetime
    ) -> None:
        """No. Raises ``Conflict`` when it was answered before or is over."""
        with self.database.transaction() as connection:
            self._decide(connection, waiting, Status.DENIED, account_id, None, None, now)
            self._note(connection, _REFUSED[waiting.kind], waiting, account_id, visitor.ip, now=now)

    def _agree(
        self,
        connection: Connection,
        waiting: Waiting,
        answerer: Answerer,
        before: frozenset[str],
        *,
        now: datetime,
    ) -> None:
        """The page named what the portal gets: that is a consent like every other."""
        self.consents.record(
            connection,
            answerer.account_id,
            waiting.asked.client_id,
            before | frozenset(waiting.asked.items),
            text_version=answerer.text_version,
            now=now,
        )

    def _decide(  # noqa: PLR0913, PLR0917  one per column
        self,
        connection: Connection,
        waiting: Waiting,
        status: Status,
        account_id: UUID | None,
        proved: Proved | None,
        session_id: UUID | None,
        now: datetime,
    ) -> None:
        is_first = self.store.decide(
            connection,
            waiting,
            status,
            account_id=account_id,
            session_id=session_id,
            proved=proved,
            now=now,
        )
        if not is_first:
            raise Conflict("request.over")
        ping = waiting.asked.ping
        if ping is not None:
            payload = {
                "endpoint": ping.endpoint,
                "token": ping.token,
                "auth_req_id": ping.auth_req_id,
                "expires_at": str(milliseconds(waiting.expires_at)),
            }
            self.outbox.add(connection, PING, payload, now=now)

    def _note(  # noqa: PLR0913  keywords
        self,
        connection: Connection,
        event: Event,
        waiting: Waiting,
        account_id: UUID,
        ip: str,
        *,
        now: datetime,
    ) -> None:
        details = {"ip": ip} if ip else {}
        client_id = waiting.asked.client_id
        row = AuditEvent(event, now, account_id, client_id=client_id, details=details)
        self.notices.audit.add(connection, row)

    def _achieved(
        self, evidence: Sequence[Evidence], account_ial: IAL, *, now: datetime
    ) -> Achieved:
        return achieved(
            evidence, account_ial=account_ial, now=now, level3_max_age=self.level3_max_age
        )

    def end(self, waiting: Waiting, status: Status, event: Event, *, now: datetime) -> None:
        """The phone said no, or cannot be asked; nothing happens when somebody was faster."""
        if waiting.account_id is None:
            return
        try:
            with self.database.transaction() as connection:
                self._decide(connection, waiting, status, waiting.account_id, None, None, now)
                self._note(connection, event, waiting, waiting.account_id, "", now=now)
        except Conflict:
            return  # somebody else was faster, which is an answer too


def _is_made_for(waiting: Waiting, evidence: Sequence[Evidence]) -> bool:
    return all(proof.made_for == waiting.proof_name for proof in evidence)


def _facts(asked: Asked, proved: Achieved) -> Proved:
    """``acr`` is the value asked for that was met, else the level."""
    at = int(proved.auth_time.timestamp())
    acr = met(proved, asked.acr_values) or proved.acr
    return Proved(int(proved.ial), acr, tuple(proved.amr), at)


def _details(visitor: Visitor, evidence: Sequence[Evidence], proved: Achieved) -> dict[str, str]:
    newest = max(evidence, key=lambda proof: proof.at)
    found = {"ip": visitor.ip, "method": newest.method, "level": proved.acr}
    return {name: text for name, text in found.items() if text}
