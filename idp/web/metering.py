"""How many requests, and how long each took: by the name of the endpoint, never by what was sent.

Names come from the table of routes: a path that is none of ours is ``unknown``, whatever it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, request

from idp.metrics import REQUEST_SECONDS, Meter

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_ENDPOINT, UNKNOWN = "idp.endpoint", "unknown"
_CLASSES: Final = {digit: f"{digit}xx" for digit in "12345"}


class Measured:
    """A WSGI application around all others."""

    def __init__(self, app: Flask, meter: Meter, timer: Callable[[], float] = perf_counter) -> None:
        self._after, self._meter, self._timer = app.wsgi_app, meter, timer
        # Answers before routing have no other name than that of their plain path.
        self._names = {
            rule.rule: rule.endpoint for rule in app.url_map.iter_rules() if not rule.arguments
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the application, counted."""
        started, status = self._timer(), "500"

        def start(line: str, *more: Any) -> Any:  # noqa: ANN401  as WSGI has it
            nonlocal status
            status = line
            return start_response(line, *more)

        try:
            return self._after(environ, start)
        finally:
            name = environ.get(_ENDPOINT) or self._names.get(environ["PATH_INFO"], UNKNOWN)
            seconds = self._timer() - started
            self._meter.time(REQUEST_SECONDS, seconds, name, _CLASSES.get(status[0], "5xx"))


def name_endpoint() -> None:
    """Before everything else that an ordinary request goes through: its name, if it has one."""
    request.environ[_ENDPOINT] = request.endpoint
