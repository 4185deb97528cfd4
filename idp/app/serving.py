"""The pages and the protocol as one WSGI application."""

from __future__ import annotations

import secrets

import structlog
from flask import Flask, Response, request

from idp import authenticators
from idp.app.foundation import (
    Foundation,
    Ports,
)
from idp.app.house import build_house
from idp.app.protocol import (
    add_decoupled,
    build_provider,
    build_transmitter,
    registrar,
    techid_lookup,
)
from idp.web import (
    about,
    activity,
    approvals,
    captchas,
    client_registration,
    complaint,
    contact,
    counter,
    dvcqg,
    emergency,
    errors,
    framing,
    home,
    hot_path,
    i18n,
    journey,
    login,
    metering,
    methods,
    oidc,
    operator,
    operator_agencies,
    operator_complaints,
    operator_counter,
    operator_post,
    password,
    personal_data,
    protection,
    recovery,
    registration,
    representatives,
    reverifying,
    screens,
    security,
    ssf,
    start,
)
from idp.web import account as account_pages
from idp.web import device as device_pages
from idp.web import federation as federation_pages
from idp.web.authorize import AuthorizePages
from idp.web.logout import LogoutPages
from idp.web.words import Words

_REQUEST_ID = "X-Request-Id"


_PAGES = (
    *(home, about, complaint, counter, registration, login, captchas),
    *(account_pages, contact, reverifying, password, methods, activity),
    *(protection, personal_data, recovery, emergency),
    *(device_pages, approvals),
    *(operator, operator_post, operator_counter, operator_complaints, operator_agencies),
    representatives,
    start,
)


def create_app(base: Foundation, ports: Ports) -> Flask:
    """The pages and the protocol, ready to serve."""
    config = base.config
    app = Flask("idp.web")
    every = authenticators.build_all(ports.methods)
    catalogues = i18n.load(i18n.Missing.LOG, [method.texts for method in every])
    i18n.init_app(app, catalogues, browsers=i18n.BrowserLanguage.IGNORE)
    policy = security.Policy(
        config.server.issuer,
        base.vault.key("csrf"),
        security.networks(config.server.trusted_proxies),
    )
    app.before_request(metering.name_endpoint)
    app.before_request(_name_request)
    security.init_app(app, policy)
    screens.init_app(app)
    errors.init_app(app, base.clock)
    app.after_request(_tell_request)
    house = build_house(base, ports, every, Words(catalogues))
    journey.install(app, house)
    for pages in _PAGES:
        pages.init_app(app)
    provider = add_decoupled(build_provider(base, every, ports.web), base, house.decoupled.asking)
    authorize_pages = AuthorizePages(provider, every)
    authorize_pages.init_app(app)
    LogoutPages(provider).init_app(app)
    ssf.init_app(app, build_transmitter(base, provider, every), config)
    oidc.init_app(app, provider, config.mtls)
    client_registration.init_app(app, registrar(base, ports.web), base.clock, config.mtls)
    dvcqg.init_app(app, techid_lookup(base, provider))
    if provider.entrance:
        federation_pages.init_app(app, provider.entrance, config.mtls)
    app.wsgi_app = hot_path.HotPath(  # type: ignore[method-assign]
        app, provider, authorize_pages, config.mtls, policy
    )
    app.wsgi_app = oidc.PublicDocuments(app, provider)  # type: ignore[method-assign]
    app.wsgi_app = framing.Framing(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = metering.Measured(app, base.meter)  # type: ignore[method-assign]
    return app


def _name_request() -> None:
    """A number for this request in every line of the log and on the error page."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=secrets.token_hex(6))


def _tell_request(response: Response) -> Response:
    found_id = structlog.contextvars.get_contextvars().get("request_id", "")
    response.headers.setdefault(_REQUEST_ID, str(found_id))
    structlog.get_logger("idp.request").info(
        "request",
        method=request.method,
        endpoint=request.endpoint or "",
        status=response.status_code,
    )
    return response
