"""``/``: the door."""

from __future__ import annotations

from flask import Flask, Response

from idp.web.journey import current_session, house
from idp.web.owner import name_of
from idp.web.parts import Page
from idp.web.screens import respond


def init_app(app: Flask) -> None:
    """Answer ``/``."""
    app.add_url_rule("/", "home", _home)


def _home() -> Response:
    session = current_session(now=house().clock())
    context: dict[str, object] = {
        "account_name": name_of(session) if session else "",
        "register_url": "/register",
        "login_url": "/login",
        "account_url": "/account",
        "logout_url": "/logout",
        "notice": None,
        "portal": None,
        "faults": {},
    }
    return respond(Page("home.html", context))
