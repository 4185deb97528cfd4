"""What the kiosk and the desk of a portal share: a browser's cookie, the log, and who may press."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from flask import request
from flask.typing import ResponseReturnValue
from werkzeug import Response

from idp.sandbox.events import Events
from idp.sandbox.kept import Kept
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty, SignInFailed

T = TypeVar("T")


def refuse_other_sites() -> ResponseReturnValue | None:
    """No foreign web page presses our buttons."""
    crossing = request.headers.get("Sec-Fetch-Site") == "cross-site"
    return ({"error": "cross_site"}, 403) if crossing and request.method == "POST" else None


class Stand(Generic[T]):
    """One place at a portal where somebody asks; a ``T`` is kept for each browser."""

    name: str

    def __init__(
        self,
        settings: PortalSettings,
        party: RelyingParty,
        events: Events,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._party, self._events = settings, party, events
        self._clock, self._kept = clock, Kept[T]()
        self._cookie_name = f"{self.name}_{settings.port}"

    def _mine(self) -> T | None:
        return self._kept.find(self._cookie())

    def _forget(self) -> T | None:
        return self._kept.forget(self._cookie())

    def _keep(self, thing: T, shown: Response) -> None:
        cookie = self._kept.keep(thing)
        shown.set_cookie(self._cookie_name, cookie, httponly=True, samesite="Strict")

    def _cookie(self) -> str | None:
        return request.cookies.get(self._cookie_name)

    def _failed(self, error: SignInFailed) -> None:
        self._record("error", {"error": error.code, "error_description": error.detail})

    def _record(self, kind: str, claims: Mapping[str, Any]) -> None:
        self._events.record(portal=self._settings.name, kind=kind, claims=claims)
