"""Answering a request that another device began (RFC 8628; CIBA): codes, phones, pages.

Whoever answers, the end is one transaction: the request is decided, a session of its own is opened
for the device or the back office (so that its owner sees it and can end it), the history line, the
notice and the ping are written. Of many answers at once the first counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from idp.authenticators.contract import Continue, Method, NoAnswer, Presented, Remote
from idp.domain import decoupled
from idp.domain.accounts import Account, AccountStatus
from idp.domain.assurance import IAL, Achieved, Evidence, achieved
from idp.domain.decoupled import Asked, Kind, Proved, Status
from idp.domain.errors import Conflict, PortError
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Device, Session
from idp.domain.subjects import PhoneNumber
from idp.flows.answers import Said, Visitor
from idp.flows.limits import Limits
from idp.flows.notices import Extra, Notices
from idp.storage.accounts import AccountStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.decoupled import DecoupledStore, New, Waiting
from idp.storage.models import milliseconds
from idp.storage.outbox import OutboxStore
from idp.storage.sessions import ConsentStore, SessionStore
from idp.storage.single_use import spend

PING = "ciba_ping"
_LOOK_AGAIN, _LEASE, _BATCH = timedelta(seconds=2), timedelta(seconds=20), 20
_KEPT = timedelta(days=1)
_CODE_TRIES = 5
_GIVEN = {Kind.DEVICE: Event.DEVICE_APPROVED, Kind.CIBA: Event.APPROVAL_GIVEN}
_REFUSED = {Kind.DEVICE: Event.DEVICE_REFUSED, Kind.CIBA: Event.APPROVAL_REFUSED}


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """What a device is told."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers with what: the proofs count for this request, the newest one for no other."""

    account_id: UUID
    account_ial: IAL
    evidence: tuple[Evidence, ...]
    text_version: str = ""


@dataclass(frozen=True, slots=True)
class DecoupledFlow:
    """Requests and their answers."""

    methods: tuple[Method, ...]
    database: Database
    store: DecoupledStore
    accounts: AccountStore
    credentials: CredentialStore
    sessions: SessionStore
    consents: ConsentStore
    notices: Notices
    outbox: OutboxStore
    limits: Limits
    level3_max_age: timedelta
    new_user_code: Callable[[], str] = decoupled.new_user_code

    # --- beginning ------------------------------------------------------------------------------

    def begin_device(
        self, asked: Asked, *, ttl: timedelta, interval: timedelta, now: datetime
    ) -> DeviceCodes:
        """Make a device's two codes (RFC 8628, 3.2)."""
        name = self.store.new_name(now=now)
        for _ in range(_CODE_TRIES):
            code = self.new_user_code()
            new = New(Kind.DEVICE, asked, ttl, interval, user_code=code)
            if self.store.add(name, new, now=now):
                return DeviceCodes(name, decoupled.show_user_code(code))
        raise Conflict("user_code.taken")

    def begin_ciba(  # noqa: PLR0913  keywords
        self,
        asked: Asked,
        account_id: UUID | None,
        name: str,
        *,
        ttl: timedelta,
        interval: timedelta,
        now: datetime,
    ) -> str:
        """Ask somebody; answers the verification code that their screen and the client's show.

        Nobody outside is asked here and nobody is told whether there is such a person: a request
        for nobody waits like one for somebody who does not look (CIBA Core, 13 and 15).
        """
        account = self.accounts.get(account_id) if account_id else None
        if account is not None and account.status is not AccountStatus.ACTIVE:
            account = None
        question = self._question(account, asked, name, now + ttl, now=now) if account else None
        code = question[1] if question else decoupled.new_code()
        asked = msgspec.structs.replace(asked, code=code)
        new = New(
            Kind.CIBA,
            asked,
            ttl,
            interval,
            account_id=account.id if account else None,
            remote=question[0] if question else None,
        )
        self.store.add(name, new, now=now)
        if account is not None:
            self._tell_asked(account, asked, now=now, is_rung=question is not None)
        return code

    def _question(
        self, account: Account, asked: Asked, name: str, until: datetime, *, now: datetime
    ) -> tuple[dict[str, str], str] | None:
        """The strongest way to the person's own device; what was never agreed to needs a page."""
        agreed = self.consents.items(account.id, asked.client_id) or frozenset()
        if set(asked.items) - agreed:
            return None
        purpose = f"ciba {name.partition('.')[0]}"
        for method, remote, details in self._remotes(account):
            if min(method.ial, account.ial) < asked.wanted:
                continue
            question = remote.prepare(details, purpose, until=until, now=now)
            if question is not None:
                text = decoupled.prompt(asked.portal, asked.message, question.room)
                about = {"method": method.name, "text": text, "to": question.phone.e164}
                return {**{f"q.{k}": v for k, v in question.state.items()}, **about}, question.code
        return None

    def _remotes(self, account: Account) -> Iterator[tuple[Method, Remote, dict[str, str]]]:
        """The account's credentials that can be asked, strongest and newest first."""
        bound = self.credentials.of_account(account.id)
        for method in sorted(self.methods, key=lambda each: -each.ial):
            if method.remote is None:
                continue
            for credential in reversed(bound):
                if credential.method == method.name:
                    yield method, method.remote, dict(credential.details)

    def _tell_asked(self, account: Account, asked: Asked, *, now: datetime, is_rung: bool) -> None:
        """A line of history; a notice only where no phone rings."""
        details = {"ip": asked.ip}
        event = AuditEvent(
            Event.APPROVAL_ASKED, now, account.id, client_id=asked.client_id, details=details
        )
        with self.database.transaction() as connection:
            if is_rung:
                self.notices.audit.add(connection, event)
            else:
                extra = Extra({"portal": asked.portal, "message": asked.message or asked.code})
                self.notices.tell(connection, event, extra)

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
        """What a session proves now."""
        return self._achieved(session.evidence, session.account_ial, now=now)

    def fresh(self, waiting: Waiting, session: Session, *, now: datetime) -> Evidence | None:
        """A proof of this session that was made since the request came and reaches its level."""
        newest = max(session.evidence, key=lambda proof: proof.at)
        proved = self._achieved((newest,), session.account_ial, now=now)
        is_new = newest.at > waiting.created_at
        return newest if is_new and proved.ial >= waiting.asked.wanted else None

    # --- answering ------------------------------------------------------------------------------

    def approve(
        self, waiting: Waiting, answerer: Answerer, visitor: Visitor, *, now: datetime
    ) -> None:
        """Yes. Raises ``Conflict`` when it was answered before, is over, or may not be answered.

        The gate of every session stands in the statement that writes it: an account that is frozen
        at this moment gives nothing.
        """
        proved = self._achieved(answerer.evidence, answerer.account_ial, now=now)
        if proved.ial < waiting.asked.wanted:
            raise Conflict("request.level")
        asked, account_id = waiting.asked, answerer.account_id
        before = self.consents.items(account_id, asked.client_id) or frozenset()
        with self.database.transaction() as connection:
            if waiting.kind is Kind.CIBA:
                self._spend(connection, answerer, now=now)
            device = Device(asked.ip, asked.program)
            session_id, _ = self.sessions.add(
                connection, account_id, answerer.evidence, device=device, now=now
            )
            self._decide(
                connection, waiting, Status.APPROVED, account_id, _facts(proved), session_id, now
            )
            if answerer.text_version:
                self._agree(connection, waiting, answerer, before, now=now)
            event = AuditEvent(
                _GIVEN[waiting.kind],
                now,
                account_id,
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

    def _spend(self, connection: Connection, answerer: Answerer, *, now: datetime) -> None:
        """One proof answers one request: the next one needs another (journeys.md, S8)."""
        newest = max(answerer.evidence, key=lambda proof: proof.at)
        name = f"{answerer.account_id} {newest.method} {milliseconds(newest.at)}"
        key = hashlib.sha256(name.encode()).digest()
        if not spend(connection, "approval", key, expires_at=now + _KEPT):
            raise Conflict("request.proof_spent")

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

    # --- phones ---------------------------------------------------------------------------------

    def follow(self, *, now: datetime) -> int:
        """Look at the phones that are due; answers how many. May raise ``PortError``."""
        due = self.store.claim(now=now, lease=_LEASE, limit=_BATCH)
        for waiting in due:
            self.look(waiting, now=now)
        return len(due)

    def look(self, waiting: Waiting, *, now: datetime) -> None:
        """Ring, or see whether the phone has answered. May raise ``PortError``: tried again."""
        remote, state = self._remote(waiting), dict(waiting.remote or {})
        if remote is None or waiting.account_id is None:
            return
        question = {k.removeprefix("q."): v for k, v in state.items() if k.startswith("q.")}
        if "sent" not in state:
            self._ring(waiting, remote, state, question, now=now)
            return
        match remote.resume(question, now=now):
            case Continue():
                self.store.keep(waiting, state, run_at=now + _LOOK_AGAIN)
            case Presented(credential, evidence):
                self.limits.after_prompt(PhoneNumber(state["to"]))
                owner = self.credentials.owner(credential)
                owner = owner or self.credentials.owner_of_predecessor(credential)
                if owner == waiting.account_id:
                    self._signed(waiting, evidence, now=now)
                else:
                    self._fail(waiting, now=now)
            case NoAnswer() as answer:
                self.limits.after_prompt(PhoneNumber(state["to"]))
                self._not_answered(waiting, answer, now=now)

    def _ring(
        self,
        waiting: Waiting,
        remote: Remote,
        state: dict[str, str],
        question: dict[str, str],
        *,
        now: datetime,
    ) -> None:
        account = self.accounts.get(waiting.account_id or UUID(int=0))
        if account.status is not AccountStatus.ACTIVE:
            # As silent as a phone that nobody looks at: the client learns nothing of it.
            self.store.keep(waiting, state, run_at=None)
            return
        phone = PhoneNumber(state["to"])
        if not self.limits.before_remote_prompt(phone, now=now):
            self._fail(waiting, now=now)
            return
        # Kept before it rings: a worker that dies here leaves a request that expires, never two
        # prompts on one phone.
        self.store.keep(waiting, {**state, "sent": "yes"}, run_at=None)
        try:
            sent = remote.send(question, state["text"])
        except PortError:
            self.limits.after_prompt(phone)
            self.store.keep(waiting, state, run_at=now + _LOOK_AGAIN)
            raise
        if isinstance(sent, NoAnswer):
            self.limits.after_prompt(phone)
            self._not_answered(waiting, sent, now=now)
            return
        kept = {**state, **{f"q.{k}": v for k, v in sent.items()}, "sent": "yes"}
        self.store.keep(waiting, kept, run_at=now + _LOOK_AGAIN)

    def _remote(self, waiting: Waiting) -> Remote | None:
        name = (waiting.remote or {}).get("method")
        return next((method.remote for method in self.methods if method.name == name), None)

    def _signed(self, waiting: Waiting, evidence: Evidence, *, now: datetime) -> None:
        account = self.accounts.get(waiting.account_id or UUID(int=0))
        answerer = Answerer(account.id, account.ial, (evidence,))
        try:
            self.approve(waiting, answerer, Visitor(b"", waiting.asked.ip, ""), now=now)
        except Conflict as error:
            if error.code != "request.over":
                self._fail(waiting, now=now)

    def _not_answered(self, waiting: Waiting, answer: NoAnswer, *, now: datetime) -> None:
        match answer:
            case NoAnswer.DECLINED:
                self._end(waiting, Status.DENIED, Event.APPROVAL_REFUSED, now=now)
            case NoAnswer.FAILED:
                self._fail(waiting, now=now)
            case NoAnswer.SILENT:
                self.store.keep(waiting, dict(waiting.remote or {}), run_at=None)

    def _fail(self, waiting: Waiting, *, now: datetime) -> None:
        """The phone cannot be asked: the client hears it and may begin again."""
        self._end(waiting, Status.FAILED, Event.APPROVAL_FAILED, now=now)

    def _end(self, waiting: Waiting, status: Status, event: Event, *, now: datetime) -> None:
        if waiting.account_id is None:
            return
        try:
            with self.database.transaction() as connection:
                self._decide(connection, waiting, status, waiting.account_id, None, None, now)
                self._note(connection, event, waiting, waiting.account_id, "", now=now)
        except Conflict:
            return  # somebody else was faster, which is an answer too


def _facts(proved: Achieved) -> Proved:
    at = int(proved.auth_time.timestamp())
    return Proved(int(proved.ial), proved.acr, tuple(proved.amr), at)


def _details(visitor: Visitor, evidence: Sequence[Evidence], proved: Achieved) -> dict[str, str]:
    newest = max(evidence, key=lambda proof: proof.at)
    found = {"ip": visitor.ip, "method": newest.method, "level": proved.acr}
    return {name: text for name, text in found.items() if text}
