"""The operators' side of complaints: see the evidence, close the account meanwhile, decide once.

An accepted complaint leaves the account closed: whoever shows the card at a counter gets a one-time
code that opens it again, as theirs. A rejected one opens what was closed because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from idp.domain.accounts import Account
from idp.domain.errors import Conflict
from idp.domain.events import Event
from idp.domain.operators import Officer
from idp.domain.subjects import IdNumber
from idp.flows.answers import Said
from idp.flows.operators import OperatorFlow, act, check_not_self
from idp.storage.accounts import AccountStore, Proof
from idp.storage.complaints import Complaint, ComplaintStatus, ComplaintStore
from idp.storage.owners import OwnerStore

SHORTEST, LONGEST = 5, 2000


@dataclass(frozen=True, slots=True)
class Case:
    """A complaint and the account that it is about, if there is one."""

    complaint: Complaint
    account: Account | None
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class ComplaintDesk:
    """Deciding complaints."""

    operators: OperatorFlow
    complaints: ComplaintStore
    owners: OwnerStore

    def waiting(self) -> tuple[Complaint, ...]:
        """Those that nobody has answered, oldest first; no account is looked at."""
        return self.complaints.waiting()

    def open(self, officer: Officer, complaint_id: UUID, *, now: datetime) -> Case | Said:
        """One complaint with its evidence; the look stands in the history of the account.

        Raises ``Conflict`` when there is no such complaint, or it is about the operator.
        """
        found = self._get(complaint_id)
        number = IdNumber.parse(found.content.id_number)
        account = self.operators.look_up(officer, number, now=now)
        if isinstance(account, Said):
            return account
        check_not_self(officer, account)
        proofs = self._accounts.proofs(account.id) if account else ()
        return Case(found, account, proofs)

    def stop(self, officer: Officer, complaint_id: UUID, *, now: datetime) -> None:
        """Let nobody into the account until it is decided. Raises ``Conflict``."""
        found = self._get(complaint_id)
        account = self._account(officer, found)
        if account is None:
            raise Conflict("account.unknown")
        with self.operators.account.database.transaction() as connection:
            if not self.owners.stop(connection, account.id, now=now):
                return
            self.complaints.mark_stopped(connection, found, now=now)
            event = act(officer, Event.ACCOUNT_FROZEN, account.id, now=now, reason="complaint")
            self.operators.account.notices.tell(connection, event)

    def decide(
        self,
        officer: Officer,
        complaint_id: UUID,
        status: ComplaintStatus,
        text: str,
        *,
        now: datetime,
    ) -> None:
        """Answer it, once: of two operators at the same moment one wins.

        Raises ``Conflict('complaint.answered')``.
        """
        found = self._get(complaint_id)
        account = self._account(officer, found)
        notices = self.operators.account.notices
        with self.operators.account.database.transaction() as connection:
            self.complaints.answer(connection, found, status, text, now=now)
            account_id = account.id if account else None
            event = act(officer, Event.COMPLAINT_ANSWERED, account_id, now=now, status=str(status))
            notices.audit.add(connection, event)
            if account is None:
                return
            if status is ComplaintStatus.ACCEPTED:
                if self.owners.stop(connection, account.id, now=now):
                    why = {"reason": "complaint"}
                    notices.tell(
                        connection, act(officer, Event.ACCOUNT_FROZEN, account.id, now=now, **why)
                    )
            elif found.content.has_stopped and self.owners.release(connection, account.id):
                notices.tell(connection, act(officer, Event.ACCOUNT_THAWED, account.id, now=now))

    @property
    def _accounts(self) -> AccountStore:
        return self.operators.account.accounts

    def _get(self, complaint_id: UUID) -> Complaint:
        found = self.complaints.get(complaint_id)
        if found is None:
            raise Conflict("complaint.unknown")
        return found

    def _account(self, officer: Officer, found: Complaint) -> Account | None:
        account = self._accounts.find_by_id_number(IdNumber.parse(found.content.id_number))
        check_not_self(officer, account)
        return account
