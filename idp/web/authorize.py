"""``/authorize`` and what may come between it and the answer: sign-in, consent.

A request that needs nobody is answered at once and writes nothing. One that does is kept as a
transaction of this browser; every detour comes back to ``/authorize/<id>``, which decides anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import structlog
from flask import Flask, Response, request

from idp.authenticators.contract import Method
from idp.domain.assurance import IAL
from idp.domain.clients import Client
from idp.flows.login.state import LoginState
from idp.oidc.asked_subject import asked_for
from idp.oidc.authorization import (
    AuthorizationError,
    AuthorizationRequest,
    Params,
    client_id_of,
    read,
    target_of,
)
from idp.oidc.decision import Circumstances, NeedConsent, NeedLogin, Ready, Why, decide, proven_by
from idp.oidc.errors import InvalidRequestUriError, NotRedirectable, OAuth2Error, Untrusted
from idp.oidc.provider import Provider
from idp.oidc.request_objects import PUSHED_PREFIX
from idp.oidc.responses import ResponseMode
from idp.storage.sessions import Seen
from idp.storage.transactions import Stored
from idp.web import consent, display, errors, i18n, screens
from idp.web.journey import House, again, expired, house, read_id, visitor
from idp.web.leaving import Leaving
from idp.web.screens import Action
from idp.web.security import (
    browser_hash,
    client_ip,
    cross_site,
    has_browser,
    session_cookie,
)

KIND = "authorize"
_MORE = frozenset({"request", "id_token_hint"})
"""Parameters that make a request more than plain."""

_log = structlog.get_logger(__name__)


class Waiting(msgspec.Struct, frozen=True):
    """A request that waits for its person. ``since`` is when it came, in Unix milliseconds."""

    request: AuthorizationRequest
    since: int
    consented: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Waiting).decode


class AuthorizePages:
    """The views; they hold the provider, and what a sign-in here can prove at most."""

    def __init__(self, provider: Provider, methods: Sequence[Method]) -> None:
        able = [method for method in methods if method.login is not None]
        self._provider, self._leaving = provider, Leaving(provider)
        self._reachable = max(method.ial for method in able)
        self._resists = max(method.resists for method in able)

    def init_app(self, app: Flask) -> None:
        """Answer ``/authorize`` and ``/consent``."""
        start = cross_site(lambda: self._start())  # noqa: PLW0108  a function that can be marked
        app.add_url_rule("/authorize", "authorize", start, methods=["GET", "POST"])
        app.add_url_rule("/authorize/<transaction>", "authorize_again", self._again)
        app.add_url_rule("/authorize/<transaction>/cancel", "authorize_cancel", self._cancel)
        app.add_url_rule(
            "/consent/<transaction>", "consent", self._consent, methods=["GET", "POST"]
        )

    # --- entering -------------------------------------------------------------------------------

    def _start(self) -> Response:
        source = request.form if request.method == "POST" else request.args
        params = [(name, value) for name in source for value in source.getlist(name)]
        if request.method == "POST" and not has_browser():
            # A post from another site comes without our SameSite cookies; a GET brings them.
            return again(f"/authorize?{urlencode(params)}")
        outside = dict(params)
        _look(outside.get("display", ""), outside.get("ui_locales", "")[:100])
        try:
            return self._begin(self._client(params), params)
        except NotRedirectable as error:
            _log.warning("authorize.refused", reason=error.detail)
            return errors.show(_PROBLEMS[error.problem])

    def answer_at_once(self, home: House, params: Params, cookie: str) -> str | None:
        """Where a request goes that needs nobody; None where there is more to it."""
        if any(name in _MORE or _is_elsewhere(name, value) for name, value in params):
            return None
        now = home.clock()
        try:
            client = self._provider.clients.find(client_id_of(params))
            if client is None:
                return None
            asked = self._read(client, params, now)
            if asked.response_mode is not ResponseMode.QUERY:
                return None
            seen = home.sessions.find(cookie, client_id=client.client_id, now=now)
            seen = asked_for(asked, seen, self._sub_of(client), since=now)
            decision = decide(asked, seen, self._around(home, now, now))
        except (NotRedirectable, AuthorizationError):
            return None
        if not isinstance(decision, Ready) or not self._provider.requests.use(asked, now=now):
            return None
        home.sessions.touch(decision.seen.session, now=now)
        code = self._provider.tokens.new_code(client, asked, decision, now=now)
        return asked.target.location(asked.target.answer(self._provider.issuer, code=code))

    def _begin(self, client: Client, params: Params) -> Response:
        now = house().clock()
        try:
            asked = self._read(client, params, now)
            self._provider.check_answerable(client, asked)
            _look(asked.display, asked.ui_locales)
            hinted = self._hinted(asked)
            seen = house().sessions.find(session_cookie(), client_id=client.client_id, now=now)
            seen = asked_for(asked, seen, self._sub_of(client), since=now, hinted=hinted)
            decision = decide(asked, seen, self._around(house(), now, now))
        except AuthorizationError as error:
            return self._leaving.send_error(client, error)
        if asked.response_mode.is_signed:
            self._leaving.check_encryption(client)
        if isinstance(decision, Ready):
            return self._leaving.send_answer(client, asked, decision, now)
        waiting = Waiting(asked, int(now.timestamp() * 1000))
        stored = house().transactions.add(
            KIND,
            _encode(waiting),
            browser_hash=browser_hash(),
            now=now,
            ttl=timedelta(seconds=house().config.server.transaction_ttl),
        )
        return self._detour(stored, client, waiting, decision)

    def _again(self, transaction: str) -> Response:
        """Decide anew, after a sign-in."""
        found = self._find(transaction)
        if found is None:
            return expired("/")
        stored, waiting, client = found
        return self._go_on(stored, waiting, client)

    def _cancel(self, transaction: str) -> Response:
        """The person does not want to: the portal hears it (RFC 6749, 4.1.2.1)."""
        found = self._find(transaction)
        if found is None:
            return expired("/")
        stored, waiting, client = found
        now = house().clock()
        house().transactions.end(stored, now=now)
        self._provider.requests.use(waiting.request, now=now)
        error = AuthorizationError("access_denied", "cancelled", waiting.request.target)
        return self._leaving.send_error(client, error)

    def _go_on(self, stored: Stored, waiting: Waiting, client: Client) -> Response:
        now = house().clock()
        since = _since(waiting, now)
        try:
            seen, hinted = self._seen(client, now), self._hinted(waiting.request)
            seen = asked_for(
                waiting.request, seen, self._sub_of(client), since=since, hinted=hinted
            )
            around = self._around(house(), now, since, consented=waiting.consented)
            decision = decide(waiting.request, seen, around)
        except AuthorizationError as error:
            house().transactions.end(stored, now=now)
            return self._leaving.send_error(client, error)
        if isinstance(decision, Ready):
            house().transactions.end(stored, now=now)
            return self._leaving.send_answer(client, waiting.request, decision, now)
        return self._detour(stored, client, waiting, decision)

    # --- detours --------------------------------------------------------------------------------

    def _detour(
        self, stored: Stored, client: Client, waiting: Waiting, decision: NeedLogin | NeedConsent
    ) -> Response:
        if isinstance(decision, NeedConsent):
            return again(f"/consent/{stored.id.hex}")
        asked = waiting.request
        wanted = asked.wanted or IAL.NONE
        state = LoginState(
            house().login.method_for(wanted, asked.resists).name,
            request=stored.id.hex,
            portal=client.client_name,
            client_id=client.client_id,
            wanted=int(asked.wanted or 0),
            floor=int(wanted) if asked.is_acr_essential else 0,
            resists=int(asked.resists) if asked.is_acr_essential else 0,
            ui_locales=asked.ui_locales,
            display=asked.display,
            redirect_uri=asked.redirect_uri,
            typed={"username": asked.login_hint[:50]} if asked.login_hint else {},
        )
        login = house().login.start(state, visitor(), now=house().clock())
        if decision.why is Why.CREATE:
            return again(f"/register?login={login.hex}")
        return again(f"/login/{login.hex}")

    def _consent(self, transaction: str) -> Response:
        """What the portal will get, in words; remembered until it changes or is withdrawn."""
        found = self._find(transaction)
        if found is None:
            return expired("/")
        stored, waiting, client = found
        now = house().clock()
        seen = self._seen(client, now)
        if seen is None:
            return again(f"/authorize/{transaction}")
        if request.method == "GET":
            proven = proven_by(
                waiting.request, seen, self._around(house(), now, _since(waiting, now))
            )
            kind = seen.session.account_kind
            return consent.page(stored.id, waiting.request, client, kind, proven.ial)
        if screens.read_action(request.form) is Action.CANCEL:
            return self._cancel(transaction)
        items = waiting.request.consent_items | (seen.consented or frozenset())
        consent.record(seen, client, items, now=now)
        agreed = msgspec.structs.replace(waiting, consented=True)
        stored = house().transactions.save(stored, _encode(agreed))
        return self._go_on(stored, agreed, client)

    # --- reading --------------------------------------------------------------------------------

    def _client(self, params: Params) -> Client:
        if self._provider.entrance:
            self._provider.entrance.browser(params, client_ip())
        client = self._provider.clients.find(client_id_of(params))
        if client is None:
            raise NotRedirectable(Untrusted.CLIENT_UNKNOWN, "client_id is unknown")
        return client

    def _read(self, client: Client, params: Params, now: datetime) -> AuthorizationRequest:
        """The request, however it came.

        What is wrong with a request object travels back only where redirect_uri stands outside of
        it and is right.
        """
        try:
            resolved = self._provider.requests.resolve(client, params, now=now)
        except OAuth2Error as error:
            target = target_of(client, params, self._provider.response_types)
            if target is None:
                is_unknown = isinstance(error, InvalidRequestUriError)
                raise NotRedirectable(
                    Untrusted.REQUEST_INVALID, "request_uri" if is_unknown else error.error
                ) from error
            raise AuthorizationError(error.error, str(error.description), target) from error
        return resolved.pushed or read(client, resolved.params, self._provider.response_types)

    def _find(self, transaction: str) -> tuple[Stored, Waiting, Client] | None:
        stored = house().transactions.find(
            read_id(transaction), KIND, browser_hash=browser_hash(), now=house().clock()
        )
        if stored is None:
            return None
        waiting = _decode(stored.state)
        _look(waiting.request.display, waiting.request.ui_locales)
        client = self._provider.clients.find(waiting.request.client_id)
        return (stored, waiting, client) if client else None

    def _seen(self, client: Client, now: datetime) -> Seen | None:
        return house().sessions.find(session_cookie(), client_id=client.client_id, now=now)

    def _sub_of(self, client: Client) -> Callable[[UUID], str]:
        return lambda account_id: self._provider.tokens.subject(client, account_id)

    def _hinted(self, asked: AuthorizationRequest) -> str | None:
        """The subject of the hint, which must be ours; it may have expired (Core, 3.1.2.1)."""
        if not asked.id_token_hint:
            return None
        claims = self._provider.tokens.read_id_token_hint(asked.id_token_hint)
        if claims is None:
            detail = "id_token_hint is not ours"
            raise AuthorizationError("invalid_request", detail, asked.target)
        return str(claims["sub"])

    def _around(
        self, home: House, now: datetime, since: datetime, *, consented: bool = False
    ) -> Circumstances:
        return Circumstances(
            now=now,
            since=since,
            level3_max_age=timedelta(seconds=home.config.server.level3_max_age),
            reachable=self._reachable,
            resists=self._resists,
            consented=consented,
        )


_PROBLEMS = {
    Untrusted.CLIENT_UNKNOWN: errors.Problem.CLIENT_UNKNOWN,
    Untrusted.CLIENT_UNTRUSTED: errors.Problem.CLIENT_UNTRUSTED,
    Untrusted.FEDERATION_BUSY: errors.Problem.FEDERATION_BUSY,
    Untrusted.REDIRECT_URI_UNKNOWN: errors.Problem.REDIRECT_URI_UNKNOWN,
    Untrusted.REQUEST_INVALID: errors.Problem.REQUEST_INVALID,
}


def _look(wanted: str, ui_locales: str) -> None:
    """As the portal would like it, also on the page of an error (Core, 3.1.2.1)."""
    display.prefer(wanted)
    if ui_locales:
        i18n.prefer(ui_locales)


def _since(waiting: Waiting, now: datetime) -> datetime:
    return datetime.fromtimestamp(waiting.since / 1000, now.tzinfo)


def _is_elsewhere(name: str, value: str) -> bool:
    """Whether the request has to be fetched: a pushed one is here (RFC 9126)."""
    return name == "request_uri" and not value.startswith(PUSHED_PREFIX)
