"""Who may open the pages of an account, and how often: its owner, by a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec

from flask import Response, request
from werkzeug.exceptions import TooManyRequests

from idp.domain.accounts import Account, Attribute
from idp.domain.errors import AccountHeld, ProofStale
from idp.domain.sessions import Session
from idp.web import screens
from idp.web.journey import current_session, house
from idp.web.login import to_login, to_prove
from idp.web.screens import respond

P = ParamSpec("P")


def owner(
    back: str,
) -> Callable[[Callable[Concatenate[Session, P], Response]], Callable[P, Response]]:
    """A page of the account's owner: strangers sign in first and come back to ``back``.

    So does an owner whose last proof is too old for a change; a held account says until when.
    """

    def guard(view: Callable[Concatenate[Session, P], Response]) -> Callable[P, Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            session = current_session(now=house().clock())
            if session is None:
                return to_login(back)
            if not session.is_own and request.path != "/account":
                return respond(screens.plain("acting.html", name=name_of(session)), 403)
            if request.method == "POST" and request.path not in _NEVER_LATE:
                count_change(session)
            try:
                return view(session, *args, **kwargs)
            except ProofStale:
                return to_prove(session, back)
            except AccountHeld as error:
                return respond(screens.plain("held.html", until=error.until), 403)

        return guarded

    return guard


_NEVER_LATE = frozenset({"/account/freeze", "/account/sessions/end"})
"""What stops others is not counted."""


def count_change(session: Session) -> None:
    """Raises ``TooManyRequests``: what is told on every channel has an end (SMS pumping)."""
    if not house().account.limits.before_change(session.account_id, now=house().clock()):
        raise TooManyRequests


def name_of(session: Session) -> str:
    """How the person is called."""
    found = house().accounts.identity(session.account_id).find(Attribute.FULL_NAME)
    return found.value if found else ""


def held_until(account: Account) -> datetime | None:
    """Until when sensitive changes wait, while they do (S23)."""
    return account.held_until if account.is_held(house().clock()) else None
