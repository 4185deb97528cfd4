"""What a worker does for requests that are answered elsewhere: rings phones, pings clients (CIBA).

A phone is looked at every two seconds while its question stands. A ping (CIBA Core, 10.2) is a job
of the outbox: tried again until the request itself is over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import structlog

from idp import authenticators
from idp.adapters.web import WebAdapter
from idp.app import Foundation, decoupled_flow
from idp.domain.errors import PortError, PortUnavailable
from idp.flows.decoupled_answering import PING
from idp.flows.decoupled_phones import Phones
from idp.outside import build_ports
from idp.ports import WebClient
from idp.storage.outbox import Job
from idp.web import i18n
from idp.web.words import Words

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows requests to their answer."""

    base: Foundation
    phones: Phones
    web: WebClient

    def look(self) -> None:
        """See to the phones that are due; one that cannot be reached is due again."""
        try:
            self.phones.follow(now=self.base.clock())
        except PortError as error:
            _log.warning("follower.retry", system=error.system)

    @staticmethod
    def is_ping(job: Job) -> bool:
        """Whether a job is ours."""
        return job.kind == PING

    def ping(self, job: Job) -> None:
        """Tell the client that its request was decided, and nothing more (10.2).

        Raises ``PortUnavailable`` unless it heard: then it is told again.
        """
        body = json.dumps({"auth_req_id": job.payload["auth_req_id"]}).encode()
        headers = {
            "Authorization": f"Bearer {job.payload['token']}",
            "Content-Type": "application/json",
        }
        answer = self.web.post(job.payload["endpoint"], body, headers=headers)
        if answer.status in _GONE:
            return  # it has the right to say no, and it can still poll
        if answer.status not in _HEARD:
            raise PortUnavailable("ciba", f"status {answer.status}")


_HEARD = frozenset({200, 204})
_GONE = frozenset({401, 403, 404, 410})


def build(base: Foundation) -> Follower:
    """The follower of this installation."""
    ports = build_ports(base).methods
    methods = authenticators.build_all(ports)
    words = Words(i18n.load(i18n.Missing.LOG, [method.texts for method in methods]))
    flow = decoupled_flow(base, methods, ports.hasher, words)
    return Follower(base, flow.phones, WebAdapter(base.config.tls, meter=base.meter))
