"""``/terms``, ``/privacy``, ``/tool``: what a person may read before deciding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, send_file

from idp.web.journey import house
from idp.web.screens import plain, respond

_TOOL = Path(__file__).parents[1] / "bridge.py"


def init_app(app: Flask) -> None:
    """Answer the three pages, and the tool itself."""
    for name in ("terms", "privacy"):
        app.add_url_rule(f"/{name}", name, _text(name))
    app.add_url_rule("/tool", "tool", _tool)
    app.add_url_rule("/tool/bridge.py", "tool_file", _tool_file)


def _text(name: str) -> Callable[[], Response]:
    return lambda: respond(plain("about.html", name=name))


def _tool() -> Response:
    return respond(plain("tool.html", issuer=house().config.server.issuer))


def _tool_file() -> Response:
    return send_file(_TOOL, mimetype="text/x-python", as_attachment=True)
