"""The endpoints that programs call, each under every path it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from idp.config import Mtls
from idp.oidc import interaction
from idp.oidc.calls import Call, Reply
from idp.oidc.provider import Provider
from idp.web import tls_front
from idp.web.security import client_ip

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_REQUEST_ID = "X-Request-Id"
_A_WHILE = "public, max-age=300"
_METHODS = "GET, POST, OPTIONS"
_FOR_SCRIPTS = frozenset(
    {"/token", "/userinfo", "/jwks", "/revoke", "/par", "/device_authorization"}
)


Answer = Callable[[Call], Reply]


def init_app(app: Flask, provider: Provider, mtls: Mtls) -> None:
    """Answer the protocol's addresses."""
    document = provider.discovery()

    def discovery() -> Response:
        return _public(document, "application/json")

    def jwks() -> Response:
        return _public(provider.jwks, "application/jwk-set+json")

    for path in ("openid-configuration", "oauth-authorization-server"):
        app.add_url_rule(f"/.well-known/{path}", f"discovery.{path}", discovery)
    app.add_url_rule("/jwks", "jwks", jwks)
    for name, methods, answer in (
        ("token", ["POST"], provider.token),
        ("userinfo", ["GET", "POST"], provider.userinfo),
        ("par", ["POST"], provider.push),
        ("introspect", ["POST"], provider.introspect),
        ("revoke", ["POST"], provider.revoke),
    ):
        app.add_url_rule(f"/{name}", name, view(answer, mtls), methods=methods)
    for path, work in provider.more.items():
        guarded = partial(provider.guarded, work)
        app.add_url_rule(path, path.strip("/"), view(guarded, mtls), methods=["POST"])
    app.after_request(_let_scripts_read)


def view(answer: Answer, mtls: Mtls) -> Callable[[], Response]:
    """HTTP around an endpoint."""

    def call() -> Response:
        return reply(answer(read_call(mtls)))

    return call


def read_call(mtls: Mtls) -> Call:
    """What a program sent."""
    found = tls_front.presented(mtls)
    return Call(
        method=request.method,
        path=request.path,
        body=request.get_data(cache=False),
        content_type=request.content_type or "",
        authorization=request.headers.get("Authorization"),
        dpop=tuple(request.headers.getlist("DPoP")),
        accept=request.headers.get("Accept", ""),
        certificate=found.certificate,
        is_certificate_verified=found.is_verified,
        address=client_ip(),
        interaction=request.headers.get(interaction.HEADER, ""),
    )


class PublicDocuments:
    """Answers discovery and JWKS before routing: the same bytes for everybody.

    The headers are those of the ordinary way, taken from it once, so both say the same.
    """

    def __init__(self, app: Flask, provider: Provider) -> None:
        self._after = app.wsgi_app
        document = provider.discovery()
        self._bodies: dict[str, Callable[[], bytes]] = {
            "/.well-known/openid-configuration": lambda: document,
            "/.well-known/oauth-authorization-server": lambda: document,
            "/jwks": lambda: provider.jwks,
        }
        client = app.test_client(use_cookies=False)
        self._headers = {
            path: [
                (name, value)
                for name, value in client.get(path).headers
                if name not in {"Content-Length", _REQUEST_ID}
            ]
            for path in self._bodies
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The document, or the application's answer."""
        body = self._bodies.get(environ["PATH_INFO"])
        if body is None or environ["REQUEST_METHOD"] != "GET":
            return self._after(environ, start_response)
        data = body()
        length = ("Content-Length", str(len(data)))
        start_response("200 OK", [*self._headers[environ["PATH_INFO"]], length])
        return [data]


def _public(body: bytes, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Cache-Control"] = _A_WHILE
    return response


def reply(found: Reply) -> Response:
    """An answer as HTTP."""
    response = Response(found.body, found.status, content_type=found.content_type)
    response.headers.update(found.headers)
    return response


def _let_scripts_read(response: Response) -> Response:
    """CORS for what carries no cookie: portals that live in the browser."""
    if request.path in _FOR_SCRIPTS or request.path.startswith("/.well-known/"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "DPoP-Nonce, WWW-Authenticate"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, DPoP"
            response.headers["Access-Control-Allow-Methods"] = _METHODS
    return response
