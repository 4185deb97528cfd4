"""The endpoints that programs call: discovery, keys, token, userinfo."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.oidc.provider import Provider, Reply

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
