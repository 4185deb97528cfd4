"""Small things that every route of the sandbox needs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue


def wants_html() -> bool:
    """Whether a person's browser asks; programs (``*/*``) get JSON."""
    best = request.accept_mimetypes.best_match(("application/json", "text/html"))
    return best == "text/html"


def listed(items: Sequence[object], *, status: int = 200) -> Response:
    """A JSON list, readable as it stands."""
    text = json.dumps(items, ensure_ascii=False)
    return Response(text + "\n", status, content_type="application/json; charset=utf-8")


def back_to(path: str) -> ResponseReturnValue:
    """After a form, the page that shows its effect."""
    return redirect(path, 303)


def require_bearer(blueprint: Blueprint, value: str) -> None:
    """Answer 401 to callers of the blueprint that do not show this bearer value."""

    @blueprint.before_request
    def check() -> ResponseReturnValue | None:
        if request.headers.get("Authorization") == f"Bearer {value}":
            return None
        return {"error": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"}
