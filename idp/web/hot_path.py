"""What programs call most, and sign-ons that need nobody, answered before routing.

The same functions answer as behind the ordinary way, with the same headers (taken from it once);
only Flask's request, routing and hooks are spared, which cost as much as the work. Whatever is not
plain — a certificate, a body without a length, a page to show — goes the ordinary way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Flask, Response

from idp import logs
from idp.config import Mtls
from idp.oidc import forms
from idp.oidc.calls import Call, Reply
from idp.oidc.provider import Provider
from idp.web import errors
from idp.web.authorize import AuthorizePages
from idp.web.journey import EXTENSION as HOUSE
from idp.web.journey import House, again
from idp.web.security import Policy, nearest_stranger

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]
_LONGEST_BODY, _MOST_PARAMETERS = 65536, 100
_REQUEST_ID: Final = "X-Request-Id"
_INTERACTION: Final = "HTTP_X_FAPI_INTERACTION_ID"
_OWN: Final = frozenset({"Content-Length", "Content-Type", "Location", "Set-Cookie", _REQUEST_ID})
_STATUS: Final[Mapping[int, str]] = {each: f"{int(each)} {each.phrase}" for each in HTTPStatus}


class HotPath:
    """A WSGI application in front of ``app``."""

    def __init__(
        self, app: Flask, provider: Provider, pages: AuthorizePages, mtls: Mtls, policy: Policy
    ) -> None:
        self._app, self._after, self._pages = app, app.wsgi_app, pages
        self._proxies = policy.trusted_proxies
        self._house: House = app.extensions[HOUSE]
        self._certificate = _environ_name(mtls.header) if mtls.header else ""
        self._cookie = f"{policy.cookie('session')}="
        self._answers: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
            ("POST", "/token"): provider.token,
            ("POST", "/introspect"): provider.introspect,
            ("POST", "/revoke"): provider.revoke,
            ("POST", "/par"): provider.push,
            ("GET", "/userinfo"): provider.userinfo,
            ("POST", "/userinfo"): provider.userinfo,
        }
        self._headers = {path: self._learn(path) for _, path in self._answers}
        self._redirect = self._learn("/authorize")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the endpoint, or the application's."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == "/authorize" and method == "GET":
            return self._authorize(environ, start_response)
        answer = self._answers.get((method, path))
        body = self._body(environ) if answer else None
        if answer is None or body is None:
            return self._after(environ, start_response)
        call = self._call(environ, body)

        def send() -> Iterable[bytes]:
            return self._send(answer(call), path, start_response)

        return errors.guard(self._app, environ, start_response, send)

    # --- programs -------------------------------------------------------------------------------

    def _body(self, environ: WSGIEnvironment) -> bytes | None:
        """The body of a plain request; None lets it go the ordinary way, unread."""
        if self._certificate and self._certificate in environ:
            return None
        length = environ.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in environ or not length.isdecimal():
            return None
        size = int(length)
        if size > _LONGEST_BODY:
            return None
        return environ["wsgi.input"].read(size) if size else b""

    def _call(self, environ: WSGIEnvironment, body: bytes) -> Call:
        """What a program sent. Repeated headers come joined by commas, which a JWT cannot hold."""
        dpop = environ.get("HTTP_DPOP", "")
        return Call(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            body=body,
            content_type=environ.get("CONTENT_TYPE", ""),
            authorization=environ.get("HTTP_AUTHORIZATION"),
            dpop=tuple(each.strip() for each in dpop.split(",")) if dpop else (),
            accept=environ.get("HTTP_ACCEPT", ""),
            address=self._address(environ),
            interaction=environ.get(_INTERACTION, ""),
        )

    def _address(self, environ: WSGIEnvironment) -> str:
        """Where the call comes from, for limits by network; behind our own proxies as they say."""
        peer = environ.get("REMOTE_ADDR", "")
        if not self._proxies:
            return str(peer)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        chain = [peer, *(hop.strip() for hop in reversed(forwarded))]
        return nearest_stranger(chain, self._proxies)

    def _send(self, reply: Reply, path: str, start_response: StartResponse) -> Iterable[bytes]:
        headers = [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            *reply.headers.items(),
            *self._headers[path],
        ]
        return self._finish(reply.status, headers, reply.body, path, start_response)

    # --- people ---------------------------------------------------------------------------------

    def _authorize(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """A sign-on that needs nobody (OpenID Connect Core, 3.1.2): one redirect."""
        cookie = self._session(environ.get("HTTP_COOKIE", ""))
        query = environ.get("QUERY_STRING", "")
        if not cookie or len(query) > _LONGEST_BODY or query.count("&") >= _MOST_PARAMETERS:
            return self._after(environ, start_response)

        def redirect() -> Iterable[bytes]:
            params = forms.decode(query, most=_MOST_PARAMETERS)
            location = self._pages.answer_at_once(self._house, params, cookie)
            if location is None:
                return self._after(environ, start_response)
            headers = [("Location", location), ("Content-Length", "0"), *self._redirect]
            return self._finish(303, headers, b"", "authorize", start_response)

        return errors.guard(self._app, environ, start_response, redirect)

    def _session(self, cookies: str) -> str | None:
        for part in cookies.split(";"):
            text = part.strip()
            if text.startswith(self._cookie):
                return text.removeprefix(self._cookie)
        return None

    # --- both -----------------------------------------------------------------------------------

    def _finish(
        self, status: int, headers: Headers, body: bytes, endpoint: str, start: StartResponse
    ) -> Iterable[bytes]:
        request_id = secrets.token_hex(6)
        headers.append((_REQUEST_ID, request_id))
        logs.request(endpoint=endpoint.strip("/"), status=status, request_id=request_id)
        start(_STATUS[status], headers)
        return [body]

    def _learn(self, path: str) -> Headers:
        """The headers that every answer at ``path`` has."""
        with self._app.test_request_context(path):
            empty = Response(content_type="application/json")
            plain = again("/") if path == "/authorize" else empty
            found = self._app.process_response(plain)
        return [
            (name, value)
            for name, value in found.headers
            if name not in _OWN and (path == "/authorize" or name != "Cache-Control")
        ]


def _environ_name(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"
