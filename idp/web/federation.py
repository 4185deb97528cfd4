"""The addresses of OpenID Federation: what we say about ourselves, and explicit registration."""

from __future__ import annotations

from flask import Flask, Response

from idp.config import Mtls
from idp.oidc.federation.entrance import REGISTRATION_PATH, Entrance
from idp.oidc.federation.statements import CONTENT_TYPE
from idp.web.oidc import view


def init_app(app: Flask, entrance: Entrance, mtls: Mtls) -> None:
    """Answer the federation's addresses."""

    def configuration() -> Response:
        response = Response(entrance.ourselves.statement(), content_type=CONTENT_TYPE)
        response.headers["Cache-Control"] = "public, max-age=60"
        return response

    app.add_url_rule("/.well-known/openid-federation", "openid_federation", configuration)
    app.add_url_rule(
        REGISTRATION_PATH,
        "federation_register",
        view(entrance.register, mtls),
        methods=["POST"],
    )
