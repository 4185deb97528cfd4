"""Beginning a request that is answered on another device (RFC 8628, 3.2; CIBA Core, 7.3).

Nobody outside is asked here and nobody is told whether there is such a person: a phone that is to
ring is rung by ``decoupled_phones.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from idp.authenticators.contract import Method, Remote
from idp.domain import decoupled
from idp.domain.accounts import Account, AccountStatus
from idp.domain.decoupled import Asked, Kind
from idp.domain.errors import Conflict
from idp.domain.events import AuditEvent, Event
from idp.flows.limits import Limits
from idp.flows.notices import Extra, Notices
from idp.storage.accounts import AccountStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.decoupled import DecoupledStore, New
from idp.storage.sessions import ConsentStore

_CODE_TRIES = 5


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """What a device is told."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes requests."""

    methods: tuple[Method, ...]
    database: Database
    store: DecoupledStore
    accounts: AccountStore
    credentials: CredentialStore
    consents: ConsentStore
    notices: Notices
    limits: Limits
    new_user_code: Callable[[], str] = decoupled.new_user_code

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
        account_id: UUID,
        name: str,
        *,
        ttl: timedelta,
        interval: timedelta,
        now: datetime,
    ) -> str:
        """Ask somebody; answers the verification code that their screen and the client's show.

        A request for nobody waits like one for somebody who does not look (CIBA Core, 13 and 15).
        """
        account = self._active(account_id)
        question = self._question(account_id, account, asked, name, now + ttl, now=now)
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
        self._tell_asked(account_id, account, asked, now=now, is_rung=question is not None)
        return code

    def _active(self, account_id: UUID) -> Account | None:
        """The account, if there is one and it may answer."""
        found = self.accounts.find(account_id)
        return found if found and found.status is AccountStatus.ACTIVE else None

    def _question(  # noqa: PLR0913  whom, what, and for how long
        self,
        account_id: UUID,
        account: Account | None,
        asked: Asked,
        name: str,
        until: datetime,
        *,
        now: datetime,
    ) -> tuple[dict[str, str], str] | None:
        """The strongest way to the person's own device; what was never agreed to needs a page."""
        agreed = self.consents.items(account_id, asked.client_id) or frozenset()
        if set(asked.items) - agreed:
            return None
        if account is None:
            self.credentials.pretend(account_id)
            return None
        purpose = f"ciba {name.partition('.')[0]}"
        for method, remote, details in self._remotes(account):
            if min(method.ial, account.ial) < asked.wanted or method.resists < asked.resists:
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

    def _tell_asked(
        self,
        account_id: UUID,
        account: Account | None,
        asked: Asked,
        *,
        now: datetime,
        is_rung: bool,
    ) -> None:
        """A line of history; a notice only where no phone rings, and no more than a few a day.

        About nobody there is a line, too, for us, and a message that goes nowhere: the same work.
        """
        is_quiet = is_rung or not self.limits.before_asked_notice(account_id, now=now)
        event = AuditEvent(
            Event.APPROVAL_ASKED,
            now,
            account.id if account else None,
            client_id=asked.client_id,
            details={"ip": asked.ip},
        )
        with self.database.transaction() as connection:
            if is_quiet:
                self.notices.audit.add(connection, event)
            elif account is None:
                self.notices.pretend(connection, event)
            else:
                extra = Extra({"portal": asked.portal, "message": asked.message or asked.code})
                self.notices.tell(connection, event, extra)
