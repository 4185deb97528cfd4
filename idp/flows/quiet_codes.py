"""A code for somebody who may have no account: the same pages and work for both (rule 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Generic

from idp.domain.accounts import Account
from idp.flows.answers import Answer, Journey, Said, Visitor
from idp.flows.journeys import Journeys, S
from idp.flows.limits import Limits
from idp.flows.otp import Codes, Sent, Target


@dataclass(frozen=True, slots=True)
class QuietCodes(Generic[S]):
    """Sends codes of one purpose. ``step`` is where a journey asks for them."""

    codes: Codes
    journeys: Journeys[S]
    limits: Limits
    purpose: str
    step: StrEnum

    def send(  # noqa: PLR0913  keywords: to whom, and for whom
        self,
        journey: Journey[S],
        visitor: Visitor,
        *,
        number: str,
        account: Account | None,
        target: Target | None,
        now: datetime,
    ) -> Answer[S]:
        """To ``target`` of the account; without one, or one that has had its fill, to nobody."""
        sent: Sent | Said | None = None
        if account is None or target is None:
            self.limits.before_no_message(number, self.purpose, visitor, now=now)
        else:
            sent = self.codes.send(
                target,
                purpose=self.purpose,
                stored=journey.stored,
                keep=self.journeys.keep(journey, step=self.step, account=account.id.hex),
                portal="",
                visitor=visitor,
                now=now,
            )
        found = account.id.hex if account is not None and isinstance(sent, Sent) else ""
        if not isinstance(sent, Sent):
            keep = self.journeys.keep(journey, step=self.step, account=found)
            sent = self.codes.pretend(
                purpose=self.purpose, stored=journey.stored, keep=keep, now=now
            )
        journey = replace(journey, stored=sent.stored)
        kept = self.journeys.save(journey, step=self.step, code=sent.code, account=found)
        return Answer(kept)
