"""The addresses of OpenID Federation: ourselves, explicit registration, and resolving."""

from __future__ import annotations

from flask import Flask, Response, request

from idp.config import Mtls
from idp.oidc.federation.entrance import REGISTRATION_PATH, RESOLVE_PATH, Entrance
from idp.oidc.federation.statements import CONTENT_TYPE
from idp.web.oidc import reply, view
from idp.web.security import client_ip


def init_app(app: Flask, entrance: Entrance, mtls: Mtls) -> None:
    """Answer the federation's addresses."""

    def configuration() -> Response:
        response = Response(entrance.ourselves.statement(), content_type=CONTENT_TYPE)
        response.headers["Cache-Control"] = "public, max-age=60"
        return response

    def resolve() -> Response:
        query = [(name, value) for name in request.args for value in request.args.getlist(name)]
        return reply(entrance.resolve(query, client_ip()))

    app.add_url_rule("/.well-known/openid-federation", "openid_federation", configuration)
    app.add_url_rule(RESOLVE_PATH, "federation_resolve", resolve)
    app.add_url_rule(
        REGISTRATION_PATH,
        "federation_register",
        view(entrance.register, mtls),
        methods=["POST"],
    )
