"""What portals are told: back-channel logouts and security events, beside the worker's messages.

A portal that is slow or away keeps nobody's code waiting: this runs in a thread of its own, and
calls several portals at once. A job that a dead worker left is taken again when its lease is over.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog

from idp import authenticators, config
from idp.adapters.web import WebAdapter
from idp.app import Foundation, build_provider, build_transmitter, session_store
from idp.metrics import PORTAL_CALLS, Meter
from idp.oidc.client_metadata import build as build_client
from idp.oidc.logout import BackChannel
from idp.oidc.ssf.push import Pusher
from idp.oidc.ssf.transmitter import pause_inactive
from idp.outside import build_ports
from idp.ports import Clock, WebClient
from idp.storage.database import Database
from idp.storage.models import moment
from idp.storage.outbox import Job, Lane, OutboxStore
from idp.storage.sessions import SessionStore

_AT_ONCE = 8
_BATCH = 40
_LEASE = timedelta(seconds=90)
"""Longer than a batch can take: five rounds of calls with their deadline."""
_BACKOFF = (2, 5, 15, 60, 300, 900)
_EXPIRED_AT_ONCE = 200
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Courier:
    """Delivers to portals; several may run at once, on several machines."""

    clock: Clock
    outbox: OutboxStore
    backchannel: BackChannel
    sessions: SessionStore
    pusher: Pusher
    pool: ThreadPoolExecutor
    database: Database
    settings: config.Signals
    meter: Meter

    def deliver(self) -> int:
        """Deliver what is due; answers how much was taken."""
        jobs = self.outbox.claim(now=self.clock(), limit=_BATCH, lease=_LEASE, lane=Lane.PORTALS)
        streams = self.pusher.streams.claim(now=self.clock(), limit=_AT_ONCE, lease=_LEASE)
        waiting = [
            *(self.pool.submit(self._deliver, job) for job in jobs),
            *(self.pool.submit(self.pusher.send, stream, backoff) for stream in streams),
        ]
        for each in waiting:
            each.result()
        return len(jobs) + len(streams)

    def end_expired(self) -> int:
        """End the sessions whose time is over, so that their portals hear of it."""
        return self.sessions.end_expired(limit=_EXPIRED_AT_ONCE, now=self.clock())

    def tidy(self) -> None:
        """End streams whose receivers are gone, and forget events that nobody fetched."""
        now, settings = self.clock(), self.settings
        timeout = timedelta(seconds=settings.inactivity)
        pause_inactive(self.database, self.pusher.streams, timeout=timeout, now=now)
        self.pusher.signals.expire(before=now - timedelta(seconds=settings.keep))

    def _deliver(self, job: Job) -> None:
        now = self.clock()
        if moment(int(job.payload["expires_at"])) <= now:
            self.outbox.finish(job, "given up", now=now)
            self.meter.count(PORTAL_CALLS, job.kind, "given up")
            _log.warning("courier.given_up", client_id=job.payload["client_id"])
            return
        sent = self.backchannel.send(job.payload, now=int(now.timestamp()))
        self.meter.count(PORTAL_CALLS, job.kind, "done" if sent.is_final else "retried")
        if sent.is_final:
            self.outbox.finish(job, sent.outcome, now=self.clock())
            return
        self.outbox.retry(job, sent.outcome, run_at=now + backoff(job.attempts))
        _log.warning("courier.retry", client_id=job.payload["client_id"], attempts=job.attempts)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(seconds=_BACKOFF[min(attempts, len(_BACKOFF)) - 1])


def build(base: Foundation, web: WebClient | None = None) -> Courier:
    """A courier of this installation."""
    methods = authenticators.build_all(build_ports(base).methods)
    provider = build_provider(base, methods)
    transmitter = build_transmitter(base, provider, methods)
    outside = web or WebAdapter(base.config.tls, meter=base.meter)
    return Courier(
        base.clock,
        OutboxStore(base.database, base.vault),
        BackChannel(
            provider.tokens,
            provider.clients.find,
            build_client,
            outside,
            provider.tools.encryption,
        ),
        session_store(base),
        Pusher(
            transmitter.sets,
            transmitter.streams,
            transmitter.signals,
            provider.clients.find,
            outside,
            base.clock,
        ),
        ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="courier"),
        base.database,
        base.config.signals,
        base.meter,
    )
