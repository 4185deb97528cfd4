"""``/terms``, ``/privacy``, ``/tool``: what a person may read before deciding."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request

from idp.bridge import pack
from idp.web.journey import house
from idp.web.screens import plain, respond


def init_app(app: Flask) -> None:
    """Answer the three pages, and the tool itself."""
    for name in ("terms", "privacy"):
        app.add_url_rule(f"/{name}", name, _text(name))
    app.add_url_rule("/tool", "tool", _tool)
    # Python reads the archive under either name; the older one is in people's notes.
    for name in ("bridge.pyz", "bridge.py"):
        app.add_url_rule(f"/tool/{name}", name, _program)
    app.add_url_rule("/tool/extension.zip", "tool_extension", _extension)


def _text(name: str) -> Callable[[], Response]:
    return lambda: respond(plain("about.html", name=name))


def _tool() -> Response:
    return respond(plain("tool.html", issuer=house().config.server.issuer))


def _program() -> Response:
    return _download(pack.program(), request.path.rpartition("/")[2], "application/zip")


def _extension() -> Response:
    """For pages of this provider."""
    packed = pack.archive(pack.extension([house().config.server.issuer]))
    return _download(packed, "extension.zip", "application/zip")


def _download(content: bytes, name: str, kind: str) -> Response:
    answer = Response(content, mimetype=kind)
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    return answer
