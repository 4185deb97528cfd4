"""The management port: health for the load balancer, metrics for the operators."""

from __future__ import annotations

import threading
from datetime import timedelta

import msgspec
from flask import Flask, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from werkzeug.serving import BaseWSGIServer, make_server

from idp.adapters import trust
from idp.app import Foundation
from idp.domain.errors import StorageUnavailable
from idp.storage.outbox import OutboxStore

_OLDEST_JOB = timedelta(minutes=1)


def create_app(base: Foundation) -> Flask:
    """The management pages; they are not for the public."""
    app = Flask("idp.management")
    registry = CollectorRegistry()
    outbox_age = Gauge("idp_outbox_oldest_seconds", "Age of the oldest job", registry=registry)
    trust_left = Gauge(
        "idp_trust_expires_seconds", "Until the first CA in keys/trust expires", registry=registry
    )
    ready = Gauge("idp_ready", "Whether every check holds", registry=registry)

    def check() -> dict[str, bool]:
        checks = {"database": False, "outbox": False, "keys": _has_keys(base)}
        left = _trust_left(base)
        trust_left.set(left.total_seconds())
        checks["trust"] = left > timedelta(0)
        try:
            checks["database"] = base.database.is_ready()
            age = OutboxStore(base.database, base.vault).oldest_age(now=base.clock())
            outbox_age.set(age.total_seconds())
            checks["outbox"] = age < _OLDEST_JOB
        except StorageUnavailable:
            pass
        ready.set(all(checks.values()))
        return checks

    def health_ready() -> Response:
        checks = check()
        status = 200 if all(checks.values()) else 503
        return Response(msgspec.json.encode(checks), status, content_type="application/json")

    def metrics() -> Response:
        check()
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4")

    app.add_url_rule("/health/live", "live", lambda: "ok\n")
    app.add_url_rule("/health/ready", "ready", health_ready)
    app.add_url_rule("/metrics", "metrics", metrics)
    return app


def start(base: Foundation) -> BaseWSGIServer:
    """Serve it from a thread of this process."""
    server = base.config.server
    listening = make_server(
        server.management_host, server.management_port, create_app(base), threaded=True
    )
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    return listening


def _trust_left(base: Foundation) -> timedelta:
    """How long every CA that we accept is still in date; a year where there is none."""
    store = trust.load(base.config.keys_folder / "trust")
    ends = [found.certificate.not_valid_after_utc for found in store.authorities]
    return min((end - base.clock() for end in ends), default=timedelta(days=365))


def _has_keys(base: Foundation) -> bool:
    folder = base.config.keys_folder / "signing"
    return any('state = "active"' in path.read_text() for path in folder.glob("*.toml"))
