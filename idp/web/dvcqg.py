"""The addresses of the national SSO: other names for ours, so that a portal changes one host name.

``ALIASES`` is all there is to know: a name appears when the endpoint that it stands for exists.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

from idp.oidc.techid import TechIdLookup

ALIASES: Final = {
    "/oauth2/authorize": "/authorize",
    "/oauth2/token": "/token",
    "/oauth2/userinfo": "/userinfo",
    "/oauth2/introspect": "/introspect",
    "/oauth2/revoke": "/revoke",
    "/oidc/logout": "/logout",
}


def init_app(app: Flask, lookup: TechIdLookup) -> None:
    """Answer the other names, after everything that they stand for was added."""
    ours = {rule.rule: rule for rule in app.url_map.iter_rules()}
    for alias, path in ALIASES.items():
        if path in ours:
            methods = sorted((ours[path].methods or set()) - {"HEAD", "OPTIONS"})
            app.add_url_rule(alias, ours[path].endpoint, methods=methods)

    def techid() -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        body = request.get_data(cache=False)
        answer = lookup.answer(
            token.strip() if scheme.lower() == "bearer" else "", body, request.content_type or ""
        )
        response = Response(answer.body, answer.status, content_type=answer.content_type)
        response.headers.update(answer.headers)
        return response

    app.add_url_rule("/oauth2/techid", "techid", techid, methods=["POST"])
