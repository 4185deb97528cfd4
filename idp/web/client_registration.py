"""``/connect/register``: clients register and manage themselves (RFC 7591, RFC 7592)."""

from __future__ import annotations

from flask import Flask, Response

from idp.config import Mtls
from idp.oidc.dynamic_registration import PATH, Registrar
from idp.ports import Clock
from idp.web.oidc import read_call, reply


def init_app(app: Flask, registrar: Registrar, clock: Clock, mtls: Mtls) -> None:
    """Answer the registration endpoint and the configuration endpoint of each client."""

    def register() -> Response:
        return reply(registrar.register(read_call(mtls), now=clock()))

    def manage(client_id: str) -> Response:
        return reply(registrar.manage(client_id, read_call(mtls), now=clock()))

    app.add_url_rule(PATH, "client_registration", register, methods=["POST"])
    app.add_url_rule(
        f"{PATH}/<client_id>", "client_configuration", manage, methods=["GET", "PUT", "DELETE"]
    )
