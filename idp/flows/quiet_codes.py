"""A code for somebody who may have no account: the same pages and work for both (rule 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Generic

from idp.domain.accounts import Account
from idp.flows.answers import Answer, Journey, Visitor
from idp.flows.journeys import Journeys, S
from idp.flows.limits import Limits
from idp.flows.otp import Codes, Target


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
        if account is None or target is None:
            self.limits.before_no_message(number, self.purpose, visitor, now=now)
        else:
            answer = self.journeys.send_code(
                self.codes,
                journey,
                target,
                purpose=self.purpose,
                visitor=visitor,
                now=now,
                step=self.step,
                account=account.id.hex,
            )
            if answer.notice is None:
                return answer
            journey = answer.journey
        nobody = {"step": self.step, "account": ""}
        keep = self.journeys.keep(journey, **nobody)
        sent = self.codes.pretend(purpose=self.purpose, stored=journey.stored, keep=keep, now=now)
        journey = replace(journey, stored=sent.stored)
        return Answer(self.journeys.save(journey, code=sent.code, **nobody))
