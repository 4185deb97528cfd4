"""Requests that are answered on the person's own phone: it rings, and its answer is taken (CIBA).

The worker calls ``follow`` again and again; which phone is due is one statement, so that of many
workers one lets it ring.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from idp.authenticators.contract import Continue, Method, NoAnswer, Presented, Remote
from idp.domain.accounts import AccountStatus
from idp.domain.assurance import Evidence
from idp.domain.decoupled import Status
from idp.domain.errors import Conflict, PortError
from idp.domain.events import Event
from idp.domain.ids import NOBODY
from idp.domain.subjects import PhoneNumber
from idp.flows.answers import Visitor
from idp.flows.decoupled_answering import Answerer, Answering
from idp.flows.limits import Limits
from idp.storage.accounts import AccountStore
from idp.storage.credentials import CredentialStore
from idp.storage.decoupled import DecoupledStore, Waiting

_LOOK_AGAIN, _LEASE, _BATCH = timedelta(seconds=2), timedelta(seconds=20), 20


@dataclass(frozen=True, slots=True)
class Phones:
    """The phones that ring for a request."""

    methods: tuple[Method, ...]
    store: DecoupledStore
    accounts: AccountStore
    credentials: CredentialStore
    limits: Limits
    answering: Answering

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
        account = self.accounts.get(waiting.account_id or NOBODY)
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
        except PortError as error:
            self.limits.after_no_prompt(phone, None, error, now=now)
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
        """The phone's question named this request, and so does the proof."""
        account = self.accounts.get(waiting.account_id or NOBODY)
        proof = replace(evidence, made_for=waiting.proof_name)
        answerer = Answerer(account.id, account.ial, (proof,))
        try:
            self.answering.approve(waiting, answerer, Visitor(b"", waiting.asked.ip, ""), now=now)
        except Conflict as error:
            if error.code != "request.over":
                self._fail(waiting, now=now)

    def _not_answered(self, waiting: Waiting, answer: NoAnswer, *, now: datetime) -> None:
        match answer:
            case NoAnswer.DECLINED:
                self.answering.end(waiting, Status.DENIED, Event.APPROVAL_REFUSED, now=now)
            case NoAnswer.FAILED:
                self._fail(waiting, now=now)
            case NoAnswer.SILENT:
                self.store.keep(waiting, dict(waiting.remote or {}), run_at=None)

    def _fail(self, waiting: Waiting, *, now: datetime) -> None:
        """The phone cannot be asked: the client hears it and may begin again."""
        self.answering.end(waiting, Status.FAILED, Event.APPROVAL_FAILED, now=now)
