"""``/kiosk``: a self-service kiosk of a one-stop department (device flow, RFC 8628).

The kiosk has no secret and no keyboard worth typing a password on: it shows a code and asks at the
agreed pace. It forgets whoever signed in when they leave, or after a minute and a half.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import segno
from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from idp.sandbox.events import Events
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty, SignInFailed
from idp.sandbox.stand import Stand, refuse_other_sites
from idp.sandbox.waiting import DEVICE_CODE, Waiting

_SCOPE = "openid profile"
_FORGET_SECONDS = 90
_WORDS = {
    "access_denied": "Yêu cầu đã bị từ chối trên điện thoại.",
    "expired_token": "Mã đã hết hạn mà chưa có ai xác nhận.",
    "provider_unreachable": "Không kết nối được với hệ thống đăng nhập.",
}
_OTHER_WORDS = "Ki-ốt không nhận được kết quả đăng nhập hợp lệ."


@dataclass(slots=True)
class Run:
    """One person at the kiosk: what the screen shows, and whether they have confirmed."""

    user_code: str
    address: str
    complete: str
    waiting: Waiting
    forgotten_at: float | None = None

    @property
    def picture(self) -> str:
        """The complete address for the phone's camera (RFC 8628, 3.3.1)."""
        code = segno.make(self.complete, error="m")
        return code.svg_data_uri(scale=6, light="white")


def blueprint(
    settings: PortalSettings,
    *,
    party: RelyingParty,
    events: Events,
    clock: Callable[[], float] = time.time,
) -> Blueprint:
    """The kiosk's pages."""
    routes, kiosk = Blueprint("kiosk", __name__), _Kiosk(settings, party, events, clock)
    routes.before_request(refuse_other_sites)
    routes.add_url_rule("/kiosk", "page", kiosk.page)
    routes.add_url_rule("/kiosk", "begin", kiosk.begin, methods=["POST"])
    routes.add_url_rule("/kiosk/state", "state", kiosk.state)
    routes.add_url_rule("/kiosk/end", "end", kiosk.end, methods=["POST"])
    return routes


class _Kiosk(Stand[Run]):
    """The routes."""

    name = "kiosk"

    def page(self) -> str:
        run = self._run()
        if run is None:
            return self._show("start")
        words = _WORDS.get(run.waiting.error, _OTHER_WORDS)
        return self._show(run.waiting.state, run=run, words=words)

    def begin(self) -> ResponseReturnValue:
        try:
            answer = self._party.ask("device_authorization_endpoint", {"scope": _SCOPE})
            run = _read(answer, now=self._clock())
        except SignInFailed as error:
            self._failed(error)
            return self._show("failed", words=_WORDS.get(error.code, _OTHER_WORDS)), 502
        self._forget()
        shown = redirect("/kiosk", 303)
        self._keep(run, shown)
        return shown

    def state(self) -> ResponseReturnValue:
        """For the script of the page: whether there is something new to show."""
        run = self._run()
        return {"state": run.waiting.state if run else "start"}

    def end(self) -> ResponseReturnValue:
        run = self._forget()
        if run is not None:
            self._revoke(run)
        return redirect("/kiosk", 303)

    def _run(self) -> Run | None:
        """What this screen is at; its look at the provider, and its end, are seen to here."""
        run, now = self._mine(), self._clock()
        if run is None:
            return None
        run.waiting.look(self._party, now=now)
        if run.waiting.state == "waiting":
            return run
        if run.forgotten_at is None:
            run.forgotten_at = now + _FORGET_SECONDS
            signed_in = run.waiting.signed_in
            about = signed_in.claims if signed_in else {"error": run.waiting.error}
            self._record("device_login" if signed_in else "error", about)
        if now < run.forgotten_at:
            return run
        self._forget()
        self._revoke(run)
        return None

    def _revoke(self, run: Run) -> None:
        """Nobody who comes next acts for who was here (RFC 7009)."""
        signed_in = run.waiting.signed_in
        if signed_in is None:
            return
        try:
            self._party.ask("revocation_endpoint", {"token": signed_in.access_token})
        except SignInFailed as error:
            self._failed(error)

    def _show(self, state: str, *, run: Run | None = None, words: str = "") -> str:
        return render_template(
            "kiosk.html", kiosk=self._settings, state=state, run=run, words=words
        )


def _read(answer: dict[str, Any], *, now: float) -> Run:
    """RFC 8628, 3.2; ``interval`` is five seconds where it is missing."""
    try:
        interval = float(answer.get("interval", 5))
        until = now + float(answer["expires_in"])
        name = str(answer["device_code"])
        waiting = Waiting(DEVICE_CODE, name, interval, until, now + interval)
        address = str(answer["verification_uri"])
        complete = str(answer.get("verification_uri_complete", address))
        return Run(str(answer["user_code"]), address, complete, waiting)
    except (KeyError, TypeError, ValueError) as error:
        raise SignInFailed("invalid_device_answer", str(error)) from error
