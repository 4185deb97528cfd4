"""The endpoints that programs call: discovery, keys, token, userinfo."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from idp.oidc.provider import Provider, Reply

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_REQUEST_ID = "X-Request-Id"
_A_WHILE = "public, max-age=300"
_METHODS = "GET, POST, OPTIONS"


def init_app(app: Flask, provider: Provider) -> None:
    """Answer the protocol's addresses."""
    document = provider.discovery()

    def discovery() -> Response:
        return _public(document, "application/json")

    def jwks() -> Response:
        return _public(provider.tokens.keys.jwks, "application/jwk-set+json")

    def token() -> Response:
        authorization = request.headers.get("Authorization")
        body = request.get_data(cache=False)
        return _reply(provider.token(body, request.content_type or "", authorization))

    def userinfo() -> Response:
        return _reply(provider.userinfo(_bearer()))

    for path in ("openid-configuration", "oauth-authorization-server"):
        app.add_url_rule(f"/.well-known/{path}", f"discovery.{path}", discovery)
    app.add_url_rule("/jwks", "jwks", jwks)
    app.add_url_rule("/token", "token", token, methods=["POST"])
    app.add_url_rule("/userinfo", "userinfo", userinfo, methods=["GET", "POST"])
    app.after_request(_let_scripts_read)


class PublicDocuments:
    """Answers discovery and JWKS before routing: the same bytes for everybody.

    The headers are those of the ordinary way, taken from it once, so both say the same.
    """

    def __init__(self, app: Flask, provider: Provider) -> None:
        self._after, self._keys = app.wsgi_app, provider.tokens.keys
        document = provider.discovery()
        self._bodies: dict[str, Callable[[], bytes]] = {
            "/.well-known/openid-configuration": lambda: document,
            "/.well-known/oauth-authorization-server": lambda: document,
            "/jwks": lambda: self._keys.jwks,
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


def _bearer() -> str | None:
    """The token from the header, else from the body; never from the address (RFC 9700, 4.3.2)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.form.get("access_token") if request.method == "POST" else None


def _public(body: bytes, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Cache-Control"] = _A_WHILE
    return response


def _reply(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, content_type=reply.content_type)
    response.headers.update(reply.headers)
    return response


def _let_scripts_read(response: Response) -> Response:
    """CORS for what carries no cookie: portals that live in the browser."""
    if request.path in {"/token", "/userinfo", "/jwks"} or request.path.startswith("/.well-known/"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Allow-Methods"] = _METHODS
    return response
