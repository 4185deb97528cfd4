"""How an answer leaves for the portal: a redirect, a form that posts itself, or the person's step.

An answer that has to be signed or encrypted and cannot be is not sent at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

import structlog
from flask import Response

from idp.domain.clients import Client
from idp.oidc.authorization import AuthorizationError, AuthorizationRequest
from idp.oidc.decision import Ready
from idp.oidc.errors import NotRedirectable, OAuth2Error, Untrusted
from idp.oidc.provider import Provider
from idp.oidc.responses import Target, sign
from idp.web import errors
from idp.web.journey import again, house
from idp.web.parts import Page, Portal
from idp.web.screens import respond
from idp.web.security import allow_form_target

_log = structlog.get_logger(__name__)

_Travels = Callable[[Target, dict[str, str], str], Response]
_SILENT = frozenset({"login_required", "consent_required", "interaction_required"})
"""What only a request with ``prompt=none`` is told: no page may come in between (Core, 3.1.2.1)."""


class Leaving:
    """The ways out of ``/authorize``."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def send_answer(
        self, client: Client, asked: AuthorizationRequest, ready: Ready, now: datetime
    ) -> Response:
        """The answer for who is signed in and agrees; a pushed request is used up by it."""
        if not self._provider.requests.use(asked, now=now):
            _log.warning("authorize.refused", reason="the pushed request was used up")
            return errors.show(errors.Problem.REQUEST_INVALID)
        house().sessions.touch(ready.seen.session, now=now)
        try:
            answer = self._provider.authorized(client, asked, ready, now=now)
        except AuthorizationError as error:
            return self.send_error(client, error)
        return self._send(client, asked.target, answer, now)

    def send_error(self, client: Client, error: AuthorizationError) -> Response:
        """An error that may travel: the redirect address is the client's own."""
        values = {"error": error.error, "error_description": error.description}
        travels = _offer if client.is_stranger and error.error not in _SILENT else _travel
        return self._send(client, error.target, values, house().clock(), travels=travels)

    def _send(
        self,
        client: Client,
        target: Target,
        values: Mapping[str, str],
        now: datetime,
        *,
        travels: _Travels | None = None,
    ) -> Response:
        """The answer on its way to the portal, as a JWT where it asked for one (JARM)."""
        parameters = target.answer(self._provider.issuer, **values)
        if target.response_mode.is_signed:
            tools = self._provider.tools
            try:
                parameters = sign(tools.tokens.keys, tools.encryption, client, parameters, now=now)
            except OAuth2Error as error:
                return _no_key(error)
        return (travels or _travel)(target, parameters, client.client_name)

    def check_encryption(self, client: Client) -> None:
        """Whether an answer that has to be encrypted can be; never in clear instead (JARM, 2.2)."""
        try:
            self._provider.tools.encryption.check_authorization(client)
        except OAuth2Error as error:
            raise NotRedirectable(Untrusted.REQUEST_INVALID, str(error.description)) from error


def _no_key(error: OAuth2Error) -> Response:
    """An answer that cannot be encrypted is not sent at all."""
    _log.warning("authorize.refused", reason=str(error.description))
    return errors.show(errors.Problem.REQUEST_INVALID)


def _offer(target: Target, values: dict[str, str], portal: str) -> Response:
    """An error of a client that nobody let in: the person decides whether to go there.

    Otherwise anybody could register an address and have us send people to it, by a request with a
    mistake in it or by one that they decline (RFC 9700, 4.11.2).
    """
    if target.response_mode.is_posted:
        allow_form_target(target.redirect_uri)
    context: dict[str, object] = {
        "host": urlsplit(target.redirect_uri).netloc or target.redirect_uri,
        "location": "" if target.response_mode.is_posted else target.location(values),
        "target": target.redirect_uri,
        "fields": values,
        "portal": Portal(portal),
        "notice": None,
        "faults": {},
    }
    return respond(Page("leaving.html", context), 400)


def _travel(target: Target, values: dict[str, str], portal: str) -> Response:
    if target.response_mode.is_posted:
        allow_form_target(target.redirect_uri)
        context: dict[str, object] = {
            "target": target.redirect_uri,
            "fields": values,
            "portal": Portal(portal),
            "notice": None,
            "faults": {},
        }
        return respond(Page("form_post.html", context))
    return again(target.location(values))
