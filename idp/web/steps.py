"""A step of a journey that this browser began without signing in: what each does alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec
from flask import Response, request

from idp.flows.answers import Answer, Journey, Visitor
from idp.web import screens
from idp.web.journey import again, expired, house, read_id, visitor
from idp.web.screens import Action

S = TypeVar("S", bound=msgspec.Struct)
S_co = TypeVar("S_co", bound=msgspec.Struct, covariant=True)


class Finding(Protocol[S_co]):
    """A flow that keeps its journeys."""

    def find(
        self, transaction_id: UUID, visitor: Visitor, /, *, now: datetime
    ) -> Journey[S_co] | None:
        """The journey, if it is this browser's."""


def take(  # noqa: PLR0913  keywords: what is done with it
    here: str,
    transaction: str,
    flow: Finding[S],
    act: Callable[[Journey[S], Action], Answer[S]],
    show: Callable[[Answer[S]], Response],
    *,
    cancelled: str,
) -> Response:
    """Show it, leave it, or do what its form asks and come back to it (POST/redirect/GET)."""
    journey = flow.find(read_id(transaction), visitor(), now=house().clock())
    if journey is None:
        return expired(here)
    if request.method == "GET":
        return show(Answer(journey))
    action = screens.read_action(request.form)
    if action is Action.CANCEL:
        return again(cancelled)
    answer = act(journey, action)
    return again(f"{here}/{transaction}") if answer.is_quiet else show(answer)
