"""The management port: health for the load balancer, metrics for the operators.

What processes count is summed by ``idp.metrics``; what the database knows is asked for at each
look, a few bounded statements. Every node shows the same for the latter: aggregate it by ``max``.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import msgspec
from flask import Flask, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from werkzeug.serving import BaseWSGIServer, make_server

from idp.adapters import trust
from idp.app import Foundation
from idp.domain.errors import StorageUnavailable
from idp.metrics import Reader
from idp.metrics.reading import Families
from idp.storage.audit import AuditStore
from idp.storage.outbox import OutboxStore

_OLDEST_JOB = timedelta(minutes=1)
_MOST_UNSEALED, _LATE = 100_000, timedelta(seconds=15)


def create_app(base: Foundation, reader: Reader | None = None) -> Flask:
    """The management pages; they are not for the public."""
    app = Flask("idp.management")

    def health_ready() -> Response:
        checks = _check(base, _trust_left(base))
        status = 200 if all(checks.values()) else 503
        return Response(msgspec.json.encode(checks), status, content_type="application/json")

    def metrics() -> Response:
        registry = CollectorRegistry()
        _gauge(base, registry)
        if reader is not None:
            counted = reader.read()
            alive = Gauge("idp_processes", "Processes that count", ["role"], registry=registry)
            for role, number in counted.processes.items():
                alive.labels(role).set(number)
            registry.register(Families(counted.sums))
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4")

    app.add_url_rule("/health/live", "live", lambda: "ok\n")
    app.add_url_rule("/health/ready", "ready", health_ready)
    app.add_url_rule("/metrics", "metrics", metrics)
    return app


def start(base: Foundation, reader: Reader | None = None) -> BaseWSGIServer:
    """Serve it from a thread of this process."""
    server = base.config.server
    listening = make_server(
        server.management_host, server.management_port, create_app(base, reader), threaded=True
    )
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    return listening


# --- health ---------------------------------------------------------------------------------------


def _check(base: Foundation, left: timedelta) -> dict[str, bool]:
    """Every check; ``left`` is how long the trust anchors are still in date."""
    checks = {"database": False, "outbox": False, "keys": _has_keys(base)}
    checks["trust"] = left > timedelta(0)
    try:
        checks["database"] = base.database.is_ready()
        age = OutboxStore(base.database, base.vault).oldest_age(now=base.clock())
        checks["outbox"] = age < _OLDEST_JOB
    except StorageUnavailable:
        pass
    return checks


def _trust_left(base: Foundation) -> timedelta:
    """How long every CA that we accept is still in date; a year where there is none."""
    store = trust.load(base.config.keys_folder / "trust")
    ends = [found.certificate.not_valid_after_utc for found in store.authorities]
    return min((end - base.clock() for end in ends), default=timedelta(days=365))


def _has_keys(base: Foundation) -> bool:
    folder = base.config.keys_folder / "signing"
    return any('state = "active"' in path.read_text() for path in folder.glob("*.toml"))


# --- metrics --------------------------------------------------------------------------------------


def _gauge(base: Foundation, registry: CollectorRegistry) -> None:
    """What is as it is now; what the database would have to tell is missing while it is away."""
    left = _trust_left(base)
    ready = Gauge("idp_ready", "Whether every check holds", registry=registry)
    ready.set(all(_check(base, left).values()))
    expires = Gauge(
        "idp_trust_expires_seconds", "Until the first CA in keys/trust expires", registry=registry
    )
    expires.set(left.total_seconds())
    now = base.clock()
    try:
        _gauge_outbox(base, registry, now)
        _gauge_audit(base, registry, now)
    except StorageUnavailable:
        return


def _gauge_outbox(base: Foundation, registry: CollectorRegistry, now: datetime) -> None:
    found = OutboxStore(base.database, base.vault)
    due, kinds = found.oldest_age(now=now), found.depths(now=now)
    oldest = Gauge(
        "idp_outbox_oldest_seconds", "By how much the oldest job is due", registry=registry
    )
    oldest.set(due.total_seconds())
    jobs = Gauge("idp_outbox_jobs", "Jobs that wait", ["kind"], registry=registry)
    age = Gauge(
        "idp_outbox_age_seconds",
        "Since the oldest waiting job was made",
        ["kind"],
        registry=registry,
    )
    for kind in sorted({"sms", "mail", "logout", *kinds}):
        depth = kinds.get(kind)
        jobs.labels(kind).set(depth.count if depth else 0)
        age.labels(kind).set(depth.age.total_seconds() if depth else 0)


def _gauge_audit(base: Foundation, registry: CollectorRegistry, now: datetime) -> None:
    audit = AuditStore(base.database, base.vault)
    count, oldest = audit.unsealed(most=_MOST_UNSEALED, late=_LATE)
    lines = Gauge("idp_audit_unsealed", "Lines of the audit not yet sealed", registry=registry)
    lines.set(count)
    age = Gauge("idp_audit_unsealed_seconds", "Age of the oldest of them", registry=registry)
    age.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)
