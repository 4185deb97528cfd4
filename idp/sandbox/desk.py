"""``/desk``: a back office or call centre that asks a citizen to confirm (CIBA, poll and ping).

The officer types the number of the identity card and what it is about; both sides read the same
words and the same four digits. A desk that is pinged asks for its tokens only when it was called.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox.events import Events
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty, SignInFailed
from idp.sandbox.stand import Stand, refuse_other_sites
from idp.sandbox.waiting import CIBA, Waiting

LEVELS = ("", "ial2", "ial3")
_MOST_CASES = 20
_NUMBERS = {9: "urn:vn:cmnd:", 12: "urn:vn:cccd:"}
_WORDS = {
    "access_denied": "Người dân đã từ chối.",
    "expired_token": "Không có trả lời trong thời gian chờ.",
    "transaction_failed": "Không hỏi được người dân qua điện thoại. Hãy gửi lại yêu cầu.",
    "invalid_grant": "Yêu cầu không còn hiệu lực.",
    "invalid_binding_message": "Nội dung chỉ được có chữ, số và dấu câu thông thường, "
    "tối đa 50 ký tự.",
    "provider_unreachable": "Không kết nối được với hệ thống đăng nhập.",
}
_OTHER_WORDS = "Hệ thống đăng nhập không nhận yêu cầu này."
_TOO_MANY = "Đã hỏi người này quá nhiều lần. Hãy thử lại sau ít phút."
_BAD_NUMBER = "Số định danh có 12 chữ số (CCCD) hoặc 9 chữ số (CMND)."


@dataclass(slots=True)
class Case:
    """One question to one person."""

    number: str
    message: str
    level: str
    code: str
    waiting: Waiting
    token: str = field(default="", repr=False)
    was_pinged: bool = False
    is_recorded: bool = False

    @property
    def whom(self) -> str:
        """The number as it may stand on a screen that others see."""
        return f"{self.number[:3]}{'•' * (len(self.number) - 6)}{self.number[-3:]}"

    @property
    def words(self) -> str:
        """How it ended, for the officer."""
        return _WORDS.get(self.waiting.error, _OTHER_WORDS)


@dataclass(slots=True)
class Cases:
    """What one officer has asked, newest first."""

    items: deque[Case] = field(default_factory=lambda: deque(maxlen=_MOST_CASES))


def blueprint(
    settings: PortalSettings,
    *,
    party: RelyingParty,
    events: Events,
    clock: Callable[[], float] = time.time,
) -> Blueprint:
    """The desk's page, and where it is pinged."""
    routes, desk = Blueprint("desk", __name__), _Desk(settings, party, events, clock)
    routes.before_request(refuse_other_sites)
    routes.add_url_rule("/desk", "page", desk.page)
    routes.add_url_rule("/desk", "ask", desk.ask, methods=["POST"])
    routes.add_url_rule("/desk/state", "state", desk.state)
    routes.add_url_rule("/desk/ping", "ping", desk.ping, methods=["POST"])
    return routes


class _Desk(Stand[Cases]):
    """The routes."""

    name = "desk"

    def page(self) -> str:
        return self._show(self._looked_at())

    def state(self) -> ResponseReturnValue:
        """For the script of the page: whether there is something new to show."""
        return {"state": _state(self._looked_at())}

    def ask(self) -> ResponseReturnValue:
        """Ask; what was typed stays in the form when it cannot be."""
        typed = {name: text.strip() for name, text in request.form.items()}
        number = re.sub(r"[ .-]", "", typed.get("number", ""))
        if not re.fullmatch(r"[0-9]{9}|[0-9]{12}", number):
            return self._show(self._cases(), fault=_BAD_NUMBER, typed=typed), 422
        try:
            case = self._begin(number, typed)
        except SignInFailed as error:
            self._failed(error)
            words = _WORDS.get(error.code, _OTHER_WORDS)
            fault = _TOO_MANY if error.code == "access_denied" else words
            return self._show(self._cases(), fault=fault, typed=typed), 422
        cases, shown = self._mine(), redirect("/desk", 303)
        if cases is None:
            cases = Cases()
            self._keep(cases, shown)
        cases.items.appendleft(case)
        return shown

    def ping(self) -> ResponseReturnValue:
        """CIBA Core, 10.2: who knows the token of a question may say that it is decided."""
        told = request.get_json(silent=True)
        name = told.get("auth_req_id") if isinstance(told, dict) else None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found = (case for cases in self._kept.all() for case in tuple(cases.items))
        case = next((each for each in found if each.waiting.name == name and each.token), None)
        is_known = case is not None and hmac.compare_digest(token.encode(), case.token.encode())
        if case is None or not is_known or scheme != "Bearer":
            return {"error": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"}
        case.was_pinged = True
        case.waiting.call(now=self._clock())
        self._record("ciba_ping", {"binding_message": case.message})
        return "", 204

    # --- small steps ----------------------------------------------------------------------------

    def _begin(self, number: str, typed: Mapping[str, str]) -> Case:
        """CIBA Core, 7.1."""
        message, level = typed.get("message", ""), typed.get("level", "")
        token = secrets.token_urlsafe(32) if self._settings.is_pushed else ""
        form = {
            "scope": "openid profile" if typed.get("name") else "openid",
            "login_hint": f"{_NUMBERS[len(number)]}{number}",
            "binding_message": message,
            "acr_values": level if level in LEVELS else "",
            "client_notification_token": token,
        }
        sent = {name: text for name, text in form.items() if text or name == "binding_message"}
        answer = self._party.ask("backchannel_authentication_endpoint", sent)
        waiting = _read(answer, is_pinged=bool(token), now=self._clock())
        code = str(answer.get("verification_code", ""))
        return Case(number, message, form["acr_values"], code, waiting, token)

    def _cases(self) -> Cases:
        return self._mine() or Cases()

    def _looked_at(self) -> Cases:
        cases = self._cases()
        for case in tuple(cases.items):
            case.waiting.look(self._party, now=self._clock())
            if case.waiting.state != "waiting" and not case.is_recorded:
                case.is_recorded = True
                signed_in = case.waiting.signed_in
                about = signed_in.claims if signed_in else {"error": case.waiting.error}
                self._record("ciba_answer" if signed_in else "error", about)
        return cases

    def _show(
        self, cases: Cases, *, fault: str = "", typed: Mapping[str, str] | None = None
    ) -> str:
        return render_template(
            "desk.html",
            desk=self._settings,
            cases=tuple(cases.items),
            state=_state(cases),
            fault=fault,
            typed=typed or {},
        )


def _state(cases: Cases) -> str:
    return " ".join(case.waiting.state for case in tuple(cases.items)) or "none"


def _read(answer: Mapping[str, Any], *, is_pinged: bool, now: float) -> Waiting:
    """CIBA Core, 7.3; ``interval`` is five seconds where it is missing."""
    try:
        interval = float(answer.get("interval", 5))
        until = now + float(answer["expires_in"])
        due_at = None if is_pinged else now + interval
        return Waiting(CIBA, str(answer["auth_req_id"]), interval, until, due_at)
    except (KeyError, TypeError, ValueError) as error:
        raise SignInFailed("invalid_ciba_answer", str(error)) from error
