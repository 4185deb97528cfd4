"""``/logout``: RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0) with its question."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from flask import Flask, Response, request

from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.oidc.provider import Provider
from idp.oidc.responses import ResponseMode, Target
from idp.storage.transactions import Stored
from idp.web import screens
from idp.web.journey import again, current_session, expired, house, read_id
from idp.web.parts import Frame, Page
from idp.web.screens import Action, respond
from idp.web.security import (
    allow_form_target,
    browser_hash,
    clear_session_cookie,
    cross_site,
)

KIND = "logout"


class LogoutState(msgspec.Struct, frozen=True):
    """Who asked, and where the person goes afterwards (already checked)."""

    client_id: str = ""
    return_url: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogoutState).decode


class LogoutPages:
    """The views; they hold the provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def init_app(self, app: Flask) -> None:
        """Answer ``/logout``."""
        start = cross_site(lambda: self._start())  # noqa: PLW0108  a function that can be marked
        app.add_url_rule("/logout", "logout", start, methods=["GET", "POST"])
        app.add_url_rule("/logout/confirm", "logout_own", self._own, methods=["POST"])
        app.add_url_rule(
            "/logout/<transaction>", "logout_step", self._step, methods=["GET", "POST"]
        )

    def _start(self) -> Response:
        """Remember what was asked, then ask the person: no link signs anybody out (CSRF)."""
        now, state = house().clock(), self._read()
        if current_session(now=now) is None:
            return self._done(state, ())
        stored = house().transactions.add(
            KIND, _encode(state), browser_hash=browser_hash(), now=now, ttl=timedelta(hours=1)
        )
        return again(f"/logout/{stored.id.hex}")

    def _step(self, transaction: str) -> Response:
        now = house().clock()
        stored = house().transactions.find(
            read_id(transaction), KIND, browser_hash=browser_hash(), now=now
        )
        if stored is None:
            return expired("/")
        state, session = _decode(stored.state), current_session(now=now)
        if session is None:
            return self._done(state, ())
        if request.method == "GET":
            return self._ask(stored, state, session)
        house().transactions.end(stored, now=now)
        if screens.read_action(request.form) is Action.ALL:
            return self._leave_all(state, session)
        if state.client_id:
            with house().database.transaction() as connection:
                house().sessions.leave(connection, session.id, state.client_id, now=now)
        return self._done(state, ())

    def _own(self) -> Response:
        """The button on the account page."""
        session = current_session(now=house().clock())
        return again("/") if session is None else self._leave_all(LogoutState(), session)

    def _ask(self, stored: Stored, state: LogoutState, session: Session) -> Response:
        if state.return_url:
            allow_form_target(state.return_url)
        context = {
            "frame": Frame(f"/logout/{stored.id.hex}"),
            "portals": self._names(session),
            "notice": None,
            "portal": None,
            "faults": {},
        }
        return respond(Page("logout.html", context))

    def _leave_all(self, state: LogoutState, session: Session) -> Response:
        now, portals = house().clock(), self._names(session)
        with house().database.transaction() as connection:
            house().sessions.end(connection, [session.id], "logout", now=now)
            event = AuditEvent(
                Event.SESSION_ENDED,
                now,
                session.account_id,
                client_id=state.client_id or None,
                session_id=session.id,
            )
            house().audit.add(connection, event)
        response = self._done(state, portals)
        clear_session_cookie(response)
        return response

    def _done(self, state: LogoutState, portals: tuple[str, ...]) -> Response:
        if state.return_url:
            return again(state.return_url)
        context: dict[str, object] = {
            "portals": portals,
            "home_url": "/",
            "return_url": "",
            "notice": None,
            "portal": None,
            "faults": {},
        }
        return respond(Page("logged_out.html", context))

    def _names(self, session: Session) -> tuple[str, ...]:
        found = map(self._provider.clients.find, house().sessions.clients(session.id))
        return tuple(client.client_name for client in found if client)

    def _read(self) -> LogoutState:
        """The return address counts only when it is registered for a client that is known."""
        values = request.form if request.method == "POST" else request.args
        hint = self._provider.tokens.read_id_token_hint(values.get("id_token_hint", "")[:8192])
        hinted = str(hint.get("aud", "")) if hint else ""
        named = values.get("client_id", "")
        if named and hinted and named != hinted:
            return LogoutState()
        client = self._provider.clients.find(named or hinted) if named or hinted else None
        uri = values.get("post_logout_redirect_uri", "")
        if client is None or uri not in client.post_logout_redirect_uris:
            return LogoutState(client.client_id if client else "")
        state = values.get("state")
        target = Target(uri, ResponseMode.QUERY, state)
        return LogoutState(client.client_id, target.location({"state": state}) if state else uri)
