"""``/logout``: RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0) with its question.

    request --(all of it is right)--> question --> portals are told --> back to the portal
       |                                              |
       +--(something is wrong)--> error, no redirect  +--> a page with frames, where a portal
                                                           wants to hear through the browser

Nobody is signed out by a link, and nobody is sent to an address that a proven client did not
register. The page with frames is Front-Channel Logout 1.0; it may load exactly those portals.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec
import structlog
from flask import Flask, Response, request

from idp.domain.clients import Client
from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.oidc.logout import frontchannel_url
from idp.oidc.provider import Provider
from idp.oidc.responses import ResponseMode, Target
from idp.storage.endings import Left
from idp.storage.transactions import Stored
from idp.web import errors, screens
from idp.web.journey import again, current_session, expired, house, read_id
from idp.web.parts import Frame, Message, Page
from idp.web.screens import Action, respond
from idp.web.security import (
    allow_form_target,
    allow_frame,
    browser_hash,
    clear_session_cookie,
    cross_site,
)

KIND, DONE = "logout", "logged_out"
_LONGEST_HINT, _LONGEST_STATE = 8192, 4096
_KEPT = timedelta(minutes=10)
_log = structlog.get_logger(__name__)


class LogoutState(msgspec.Struct, frozen=True):
    """Who asked, and where the person goes afterwards (already checked)."""

    client_id: str = ""
    return_url: str = ""


class LeftState(msgspec.Struct, frozen=True):
    """Where the person signed out, and whom their browser still has to tell."""

    portals: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    return_url: str = ""


class Unsound(Exception):
    """A request that leads nowhere; the log has the reason."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogoutState).decode
_decode_left = msgspec.msgpack.Decoder(LeftState).decode


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
        app.add_url_rule("/logged-out/<transaction>", "logged_out", self._told)

    def _start(self) -> Response:
        """Remember what was asked, then ask the person: no link signs anybody out (CSRF)."""
        now = house().clock()
        try:
            state = self._read()
        except Unsound as error:
            _log.warning("logout.refused", reason=str(error))
            return errors.show(errors.Problem.REQUEST_INVALID, text=Message("logout.unsound"))
        if current_session(now=now) is None:
            return self._done(LeftState(return_url=state.return_url))
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
            return self._done(LeftState(return_url=state.return_url))
        if request.method == "GET":
            return self._ask(stored, state, session)
        house().transactions.end(stored, now=now)
        if screens.read_action(request.form) is Action.ALL:
            return self._leave_all(state, session)
        return self._leave_one(state, session)

    def _own(self) -> Response:
        """The button on the account page."""
        session = current_session(now=house().clock())
        return again("/") if session is None else self._leave_all(LogoutState(), session)

    def _ask(self, stored: Stored, state: LogoutState, session: Session) -> Response:
        if state.return_url:
            allow_form_target(state.return_url)
        context = {
            "frame": Frame(f"/logout/{stored.id.hex}"),
            "portals": self._names(house().sessions.clients(session.id)),
            "notice": None,
            "portal": None,
            "faults": {},
        }
        return respond(Page("logout.html", context))

    # --- leaving --------------------------------------------------------------------------------

    def _leave_all(self, state: LogoutState, session: Session) -> Response:
        now = house().clock()
        with house().database.transaction() as connection:
            left = house().sessions.end(connection, [session.id], "logout", now=now)
            event = AuditEvent(
                Event.SESSION_ENDED,
                now,
                session.account_id,
                client_id=state.client_id or None,
                session_id=session.id,
            )
            house().audit.add(connection, event)
        response = self._tell(left, state)
        clear_session_cookie(response)
        return response

    def _leave_one(self, state: LogoutState, session: Session) -> Response:
        left: tuple[Left, ...] = ()
        if state.client_id:
            with house().database.transaction() as connection:
                left = house().sessions.leave(
                    connection, session.id, state.client_id, now=house().clock()
                )
        return self._tell(left, state)

    def _tell(self, left: Iterable[Left], state: LogoutState) -> Response:
        """On to the portal at once, unless the browser has to tell somebody first."""
        told = tuple(left)
        names = self._names(sorted({each.client_id for each in told}))
        frames = tuple(dict.fromkeys(self._frames(told)))
        done = LeftState(names, frames, state.return_url)
        if state.return_url and not frames:
            return again(state.return_url)
        stored = house().transactions.add(
            DONE, _encode(done), browser_hash=browser_hash(), now=house().clock(), ttl=_KEPT
        )
        return again(f"/logged-out/{stored.id.hex}")

    def _frames(self, told: Iterable[Left]) -> Iterable[str]:
        for each in told:
            client: Client | None = self._provider.clients.find(each.client_id)
            if client is not None and client.frontchannel_logout_uri:
                yield frontchannel_url(client, self._provider.issuer, each.sid)

    def _told(self, transaction: str) -> Response:
        stored = house().transactions.find(
            read_id(transaction), DONE, browser_hash=browser_hash(), now=house().clock()
        )
        return self._done(_decode_left(stored.state)) if stored else expired("/")

    def _done(self, left: LeftState) -> Response:
        if left.return_url and not left.frames:
            return again(left.return_url)
        for frame in left.frames:
            allow_frame(frame)
        context: dict[str, object] = {
            "portals": left.portals,
            "frames": left.frames,
            "home_url": "/",
            "return_url": left.return_url,
            "notice": None,
            "portal": None,
            "faults": {},
        }
        return respond(Page("logged_out.html", context))

    def _names(self, client_ids: Iterable[str]) -> tuple[str, ...]:
        found = map(self._provider.clients.find, client_ids)
        return tuple(client.client_name for client in found if client)

    # --- reading --------------------------------------------------------------------------------

    def _read(self) -> LogoutState:
        """The request, checked (sections 2 and 3). Raises ``Unsound``."""
        source = request.form if request.method == "POST" else request.args
        if any(len(source.getlist(name)) > 1 for name in source):
            raise Unsound("a parameter is repeated")
        values = {name: value for name, value in source.items() if value}
        client = self._client(values)
        uri = values.get("post_logout_redirect_uri")
        if uri is None:
            return LogoutState(client.client_id if client else "")
        if client is None:
            raise Unsound("post_logout_redirect_uri without id_token_hint or client_id")
        if uri not in client.post_logout_redirect_uris:
            raise Unsound("post_logout_redirect_uri is not registered")
        state = values.get("state", "")
        if len(state) > _LONGEST_STATE:
            raise Unsound("state is too long")
        target = Target(uri, ResponseMode.QUERY, state)
        return LogoutState(client.client_id, target.location({"state": state}) if state else uri)

    def _client(self, values: dict[str, str]) -> Client | None:
        """Who asks: the audience of a token that we issued, or who says so; both must agree."""
        named, hinted = values.get("client_id"), None
        if "id_token_hint" in values:
            hint = self._provider.tokens.read_id_token_hint(values["id_token_hint"][:_LONGEST_HINT])
            if hint is None:
                raise Unsound("id_token_hint is not ours")
            hinted = str(hint.get("aud", ""))
        if named and hinted and named != hinted:
            raise Unsound("client_id is not the audience of id_token_hint")
        asking = named or hinted
        client: Client | None = self._provider.clients.find(asking) if asking else None
        if asking and client is None:
            raise Unsound("the client is not known")
        return client
