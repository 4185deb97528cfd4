"""Watching over bound certificates: a revoked one ends its proof without being used again (S6).

The worker asks about each once in ``signing_tool.recheck_every``. A CA that does not answer ends
nothing: at a sign-in it is no (S16), here it is later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from idp import config
from idp.domain.certificates import TrustStore, day
from idp.domain.errors import PortError
from idp.domain.events import AuditEvent, Event
from idp.flows.notices import Extra, Notices
from idp.ports import CertificateStatus, Revocation, Revoked, Unknown
from idp.storage.checks import CheckStore, Due
from idp.storage.database import Database
from idp.storage.levels import LevelStore

_AGAIN = 4
"""A CA that was away is asked again after this part of the time."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Watch:
    """The background check."""

    database: Database
    checks: CheckStore
    levels: LevelStore
    notices: Notices
    trust: TrustStore
    status: CertificateStatus
    settings: config.SigningTool

    def turn(self, *, now: datetime) -> int:
        """Ask about what is due, a bounded number; answers how many proofs ended.

        After a CA that does not answer, its other certificates wait as well: one time-out a turn.
        """
        if not self.settings.recheck_batch:
            return 0
        every = timedelta(seconds=self.settings.recheck_every)
        due = self.checks.claim(now=now, every=every, limit=self.settings.recheck_batch)
        silent: set[str] = set()
        ended, waiting = 0, []
        for each in due:
            state = None if each.issuer in silent else self._ask(each, now=now)
            if state is None:
                silent.add(each.issuer)
                waiting.append(each.id)
            elif isinstance(state, Revoked):
                ended += self._end(each, state, now=now)
        if waiting:
            self.checks.put_back(waiting, checked_at=now - every + every / _AGAIN)
        return ended

    def _ask(self, due: Due, *, now: datetime) -> Revocation | None:
        """What its CA says; nothing when the CA does not answer, or is trusted no more."""
        chain = self.trust.chain(due.issuer)
        if not chain:
            return Unknown()
        try:
            return self.status.check_number(chain, due.serial, now=now)
        except PortError as error:
            _log.warning("watch.no_answer", ca=chain[0].label, kind=type(error).__name__)
            return None

    def _end(self, due: Due, state: Revoked, *, now: datetime) -> int:
        """The proof and its level, the history and the messages: one transaction."""
        with self.database.transaction() as connection:
            account_id = self.levels.revoke(connection, due.name, now=now)
            if account_id is None:
                return 0
            ca = state.authority or self.trust.chain(due.issuer)[0].label
            told = {"method": due.method, "date": day(state.at), "ca": ca}
            details = {**told, "reason": "revoked"}
            event = AuditEvent(Event.CREDENTIAL_REMOVED, now, account_id, details=details)
            self.notices.tell(connection, event, Extra(told, variant="revoked"))
        return 1
