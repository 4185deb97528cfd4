"""Journeys in progress: begun, found, kept, and guarded by a captcha, in one way for every flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from idp.flows.answers import Answer, Captchas, Journey, Said, Visitor
from idp.flows.otp import Codes, Target
from idp.storage.transactions import TransactionStore


class Guarded(Protocol):
    """A state that may have a picture; ``is_human`` once its answer was right."""

    @property
    def captcha(self) -> str:
        """The answer of the picture on the page, empty when none is shown."""

    @property
    def is_human(self) -> bool:
        """Whether a picture was passed in this journey."""


S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Journeys(Generic[S]):
    """The journeys of one kind. ``state`` is the class of what they remember."""

    kind: str
    state: type[S]
    transactions: TransactionStore
    captchas: Captchas
    ttl: timedelta

    def start(self, state: S, visitor: Visitor, *, now: datetime) -> UUID:
        """Begin one for this browser."""
        stored = self.transactions.add(
            self.kind, _encode(state), browser_hash=visitor.browser_hash, now=now, ttl=self.ttl
        )
        return stored.id

    def find(self, transaction_id: UUID, visitor: Visitor, *, now: datetime) -> Journey[S] | None:
        """The journey, if it is this browser's and still open."""
        stored = self.transactions.find(
            transaction_id, self.kind, browser_hash=visitor.browser_hash, now=now
        )
        if stored is None:
            return None
        return Journey(stored, msgspec.msgpack.decode(stored.state, type=self.state))

    @staticmethod
    def put(journey: Journey[S], **changes: Any) -> Journey[S]:  # noqa: ANN401
        """The journey with these changes, kept with its next ``save``."""
        return replace(journey, state=msgspec.structs.replace(journey.state, **changes))

    def save(self, journey: Journey[S], **changes: Any) -> Journey[S]:  # noqa: ANN401
        """Keep it with these changes. Raises ``Conflict`` when another request was faster."""
        state = msgspec.structs.replace(journey.state, **changes)
        data = _encode(state)
        if data == journey.stored.state:
            return replace(journey, state=state)
        return Journey(self.transactions.save(journey.stored, data), state)

    def keep(self, journey: Journey[S], **changes: Any) -> Callable[[Any], bytes]:  # noqa: ANN401
        """How the journey remembers a code, with these changes."""
        return lambda code: _encode(msgspec.structs.replace(journey.state, code=code, **changes))

    def send_code(  # noqa: PLR0913  keywords: what a code is bound to
        self,
        codes: Codes,
        journey: Journey[S],
        to: Target,
        *,
        purpose: str,
        visitor: Visitor,
        now: datetime,
        portal: str = "",
        **changes: Any,  # noqa: ANN401
    ) -> Answer[S]:
        """Send a code that the journey remembers, with these changes; or tell why not."""
        sent = codes.send(
            to,
            purpose=purpose,
            stored=journey.stored,
            keep=self.keep(journey, **changes),
            portal=portal,
            visitor=visitor,
            now=now,
        )
        if isinstance(sent, Said):
            return Answer(self.save(journey), {}, sent)
        return Answer(self.save(replace(journey, stored=sent.stored), code=sent.code, **changes))

    def end(self, journey: Journey[S], *, now: datetime) -> None:
        """Finish it, once. Raises ``Conflict``."""
        self.transactions.end(journey.stored, now=now)

    def new_picture(self, journey: Journey[S], **changes: Any) -> Journey[S]:  # noqa: ANN401
        """Another picture, keeping what was typed."""
        return self.save(journey, captcha=self.captchas.new_answer(), **changes)

    def check_picture(self, guarded: Guarded, typed: str) -> tuple[dict[str, Any], dict[str, Said]]:
        """What changes with this answer, and what is wrong with it.

        A right answer counts for the whole journey; a wrong one is spent.
        """
        if guarded.is_human:
            return {}, {}
        if self.captchas.is_right(guarded.captcha, typed):
            return {"is_human": True, "captcha": ""}, {}
        fault = Said("error.captcha.wrong" if typed else "error.captcha.empty")
        return {"captcha": self.captchas.new_answer()}, {"captcha": fault}


_encode = msgspec.msgpack.Encoder().encode
