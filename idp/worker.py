"""``idp worker``: delivers messages, tells portals, links the audit, closes what is due."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import structlog

from idp import courier, follower
from idp.adapters import pki, trust
from idp.adapters.mail import MailAdapter
from idp.adapters.sms import SmsAdapter
from idp.app import Foundation, account_flow
from idp.courier import Courier
from idp.domain.errors import IdpError, PortError, StorageUnavailable
from idp.domain.ids import written_at
from idp.domain.subjects import EmailAddress, PhoneNumber
from idp.flows.account import AccountFlow
from idp.flows.watching import Watch
from idp.follower import Follower
from idp.metrics import MESSAGE_SECONDS, MESSAGES
from idp.ports import MailGateway, SmsGateway
from idp.storage.audit import BATCH, AuditStore
from idp.storage.checks import CheckStore
from idp.storage.levels import LevelStore
from idp.storage.models import moment
from idp.storage.outbox import Job, OutboxStore
from idp.storage.ways_in import NOT_KNOWN

_PAUSE, _SEAL_EVERY = 0.15, 10
_SEAL_LATE_EVERY = 20_000
_LATE, _VERY_LATE = timedelta(seconds=15), timedelta(hours=3)
"""By how much a row may be older than the newest link: at each look, and about once an hour."""
_WATCH_EVERY = 10.0
_LEASE = timedelta(seconds=30)
_BATCH = 20
_BACKOFF = (1, 2, 5, 15, 30)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker; several may run at once, on several machines."""

    base: Foundation
    gateway: SmsGateway
    mail: MailGateway
    outbox: OutboxStore
    audit: AuditStore
    levels: LevelStore
    account: AccountFlow
    watch: Watch
    follower: Follower
    courier: Courier

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; portals and CAs have threads of their own.

        No code by SMS waits for a portal or a CA.
        """
        others = [
            threading.Thread(target=_repeat, args=(stop, self._tell_portals)),
            threading.Thread(target=_repeat, args=(stop, self._watch, _WATCH_EVERY)),
        ]
        for each in others:
            each.start()
        _repeat(stop, self._tell_people)
        for each in others:
            each.join()

    def _watch(self, _turn: int) -> None:
        self.watch.turn(now=self.base.clock())

    def _tell_people(self, turn: int) -> None:
        self.deliver()
        self.follower.look()
        if turn % _SEAL_EVERY == 0:
            self._seal(turn)
            self.levels.lapse(now=self.base.clock())
            self.account.close_due(now=self.base.clock())

    def _seal(self, turn: int) -> None:
        """Link what was written; ``idp purge`` finds what a node wrote with a clock far behind."""
        late = _LATE if turn % _SEAL_LATE_EVERY else _VERY_LATE
        while self.audit.seal_pending(late=late) == BATCH:
            pass

    def _tell_portals(self, turn: int) -> None:
        self.courier.deliver()
        if turn % _SEAL_EVERY == 0:
            self.courier.end_expired()
            self.courier.tidy()

    def deliver(self) -> int:
        """Deliver what is due; answers how many jobs were taken."""
        jobs = self.outbox.claim(now=self.base.clock(), limit=_BATCH, lease=_LEASE)
        for job in jobs:
            self._deliver(job)
        return len(jobs)

    def _deliver(self, job: Job) -> None:
        now = self.base.clock()
        if job.kind not in {"sms", "mail"} and not self.follower.is_ping(job):
            self.outbox.finish(job, "nothing to send", now=now)
            return
        if moment(int(job.payload["expires_at"])) <= now:
            self.outbox.finish(job, "expired", now=now)
            self.base.meter.count(MESSAGES, job.kind, "given up")
            return
        try:
            self._send(job)
        except PortError as error:
            self._try_later(job, now)
            self.base.meter.count(MESSAGES, job.kind, "retried")
            _log.warning("worker.retry", system=error.system, attempts=job.attempts)
            return
        done = self.base.clock()
        self.outbox.finish(job, "delivered", now=done)
        self.base.meter.count(MESSAGES, job.kind, "delivered")
        waited = (done - written_at(job.id)).total_seconds()
        self.base.meter.time(MESSAGE_SECONDS, max(0, waited), job.kind)

    def _send(self, job: Job) -> None:
        if self.follower.is_ping(job):
            self.follower.ping(job)
            return
        to, text = job.payload["to"], job.payload["text"]
        if job.kind == "sms":
            self.gateway.send(to=PhoneNumber(to), text=text, idempotency_key=job.id.hex)
            return
        self.mail.send(
            to=EmailAddress(to),
            subject=job.payload["subject"],
            text=text,
            idempotency_key=job.id.hex,
        )

    def _try_later(self, job: Job, now: datetime) -> None:
        seconds = _BACKOFF[min(job.attempts, len(_BACKOFF)) - 1]
        self.outbox.retry(job, "retry", run_at=now + timedelta(seconds=seconds))


def build(base: Foundation) -> Worker:
    """A worker of this installation."""
    config = base.config
    gateway = SmsAdapter(
        config.systems["sms"], config.tls, sender=config.sms.sender, meter=base.meter
    )
    levels = LevelStore(base.database, base.vault, NOT_KNOWN)
    account = account_flow(base)
    watch = Watch(
        base.database,
        CheckStore(base.database, base.vault),
        levels,
        account.notices,
        trust.load(config.keys_folder / "trust"),
        pki.build(config, base.meter),
        config.signing_tool,
    )
    return Worker(
        base,
        gateway,
        MailAdapter(config.mail, config.tls, base.meter),
        OutboxStore(base.database, base.vault),
        AuditStore(base.database, base.vault),
        levels,
        account,
        watch,
        follower.build(base),
        courier.build(base),
    )


def _repeat(stop: threading.Event, step: Callable[[int], None], pause: float = _PAUSE) -> None:
    """``step`` again and again until ``stop`` is set; a database that is away is waited for."""
    for turn in count():
        if stop.wait(pause):
            return
        try:
            step(turn)
        except StorageUnavailable:
            _log.warning("worker.storage_unavailable")
            stop.wait(1)
        except IdpError as error:
            _log.exception("worker.failed", kind=type(error).__name__)
            stop.wait(1)
