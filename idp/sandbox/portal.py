"""A demo portal: what a ministry's web site does with the provider."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from idp.sandbox.event_receiver import EventReceiver
from idp.sandbox.events import Events
from idp.sandbox.portal_sessions import Browsers
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import Attempt, RelyingParty, SignInFailed

_PASSED_ON = ("acr_values", "max_age", "prompt", "login_hint", "ui_locales", "display")
_WORDS = {
    "access_denied": "Bạn đã hủy, hoặc không đồng ý chia sẻ thông tin với cổng này.",
    "login_required": "Bạn chưa đăng nhập.",
    "consent_required": "Cổng này cần bạn đồng ý chia sẻ thông tin.",
    "interaction_required": "Bạn cần xác nhận thêm một bước để đăng nhập.",
    "account_selection_required": "Bạn cần chọn tài khoản để đăng nhập.",
    "unmet_authentication_requirements": "Tài khoản của bạn chưa đạt mức xác minh cần thiết.",
    "temporarily_unavailable": "Hệ thống đăng nhập đang bận. Hãy thử lại sau ít phút.",
    "server_error": "Hệ thống đăng nhập gặp sự cố. Hãy thử lại sau ít phút.",
    "provider_not_trusted": "Chưa có cơ quan nào bảo đảm cho hệ thống đăng nhập này.",
    "provider_unreachable": "Không kết nối được với hệ thống đăng nhập.",
    "unknown_state": "Lần đăng nhập này đã hết hạn, hoặc được bắt đầu ở trình duyệt khác.",
}
_MOST_SHOWN = 100
_OTHER_WORDS = "Cổng không nhận được kết quả đăng nhập hợp lệ."
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'"
)


def create_portal(  # noqa: PLR0913  keywords
    settings: PortalSettings,
    *,
    party: RelyingParty,
    events: Events,
    receiver: EventReceiver | None = None,
    browsers: Browsers | None = None,
    outposts: Sequence[Blueprint] = (),
) -> Flask:
    """One portal's application; ``receiver`` takes its security events, ``outposts`` stand by."""
    app = Flask(__name__)
    browsers = browsers or Browsers()
    receiver = receiver or EventReceiver(settings, party=party, events=events, browsers=browsers)
    portal = _Portal(settings, party, events, receiver, browsers)
    app.add_url_rule("/", view_func=portal.home)
    app.add_url_rule("/theme.css", view_func=portal.theme)
    app.add_url_rule("/login", view_func=portal.login)
    app.add_url_rule("/callback", view_func=portal.callback)
    app.add_url_rule("/logout", view_func=portal.logout)
    app.add_url_rule("/backchannel-logout", view_func=portal.backchannel_logout, methods=["POST"])
    app.add_url_rule("/frontchannel-logout", view_func=portal.frontchannel_logout)
    app.add_url_rule("/events", view_func=portal.received)
    app.add_url_rule("/events", "take_event", portal.take_event, methods=["POST"])
    for outpost in outposts:
        app.register_blueprint(outpost)
    app.register_error_handler(SignInFailed, portal.failed)
    app.after_request(_protect)
    return app


class _Portal:
    """The routes of one portal."""

    def __init__(
        self,
        settings: PortalSettings,
        party: RelyingParty,
        events: Events,
        receiver: EventReceiver,
        browsers: Browsers,
    ) -> None:
        self._settings = settings
        self._party = party
        self._events = events
        self._receiver = receiver
        self._browsers = browsers
        # Cookies do not tell ports apart: the name must.
        self._cookie_name = f"portal_{settings.port or settings.at.rpartition('/')[2]}"

    def home(self) -> str:
        signed_in = self._browsers.signed_in(self._cookie())
        if signed_in is None:
            return self._page(title=self._settings.name)
        claims = signed_in.claims
        return self._page(
            title=f"Xin chào {claims.get('name') or claims['sub']}",
            claims=_shown(claims),
            methods=f"{self._party.issuer}/account/methods/new" if "below" in request.args else "",
        )

    def theme(self) -> ResponseReturnValue:
        css = f":root {{ --brand: {self._settings.colour}; }}\n"
        return Response(css, content_type="text/css")

    def login(self) -> ResponseReturnValue:
        # Another site may have sent the person here; only our provider's name is listened to
        # (OpenID Connect Core, 4).
        if request.args.get("iss", self._party.issuer) != self._party.issuer:
            raise SignInFailed("invalid_issuer", request.args["iss"])
        attempt = Attempt(wanted=request.args.get("acr_values", ""))
        extra = {name: request.args[name] for name in _PASSED_ON if request.args.get(name)}
        address = self._party.authorization_url(attempt, extra)
        return self._go(address, cookie=self._browsers.begin(self._cookie(), attempt))

    def callback(self) -> ResponseReturnValue:
        attempt = self._browsers.take(self._cookie(), request.args.get("state"))
        if attempt is None:
            raise SignInFailed("unknown_state")
        self._party.check_issuer(request.args.get("iss"))
        if "error" in request.args:
            detail = request.args.get("error_description", "")
            raise SignInFailed(request.args["error"], detail)
        signed_in = self._party.finish(request.args.get("code", ""), attempt)
        self._record("login", signed_in.claims)
        # A level that was only wished for may stay below (OpenID Connect Core, 5.5.1.1).
        levels = attempt.wanted.split()
        is_below = bool(levels) and signed_in.claims.get("acr") not in levels
        home = url_for("home", below=1) if is_below else url_for("home")
        return self._go(home, cookie=self._browsers.succeed(self._cookie(), signed_in))

    def logout(self) -> ResponseReturnValue:
        signed_in = self._browsers.forget(self._cookie())
        home = url_for("home")
        return self._go(self._party.logout_url(signed_in.id_token) if signed_in else home)

    def backchannel_logout(self) -> ResponseReturnValue:
        try:
            claims = self._party.logout_claims(request.form.get("logout_token", ""))
        except SignInFailed as error:
            return {"error": "invalid_request", "error_description": str(error)}, 400
        if not self._receiver.is_new(str(claims["jti"])):
            return {"error": "invalid_request", "error_description": "jti was used"}, 400
        self._browsers.end(sid=claims.get("sid"), sub=claims.get("sub"))
        self._record("logout_token", claims)
        return "", 200

    def frontchannel_logout(self) -> ResponseReturnValue:
        """A frame on the provider's page; our cookie may not come along, the sid always does."""
        sid, issuer = request.args.get("sid", ""), request.args.get("iss", "")
        if sid and issuer == self._party.issuer:
            self._browsers.end(sid=sid, sub=None)
            self._record("frontchannel_logout", {"iss": issuer, "sid": sid})
        return self._page(title="Đã đăng xuất")

    def received(self) -> str:
        """Sự kiện đã nhận: what came to this portal, newest first."""
        mine = [each for each in self._events.all() if each["portal"] == self._settings.name]
        rows = [
            (each["at"], each["type"], json.dumps(each["claims"], ensure_ascii=False, indent=1))
            for each in reversed(mine[-_MOST_SHOWN:])
            if each["type"] != "login"
        ]
        return self._page(title="Sự kiện đã nhận", received=rows)

    def take_event(self) -> ResponseReturnValue:
        """Push delivery (RFC 8935)."""
        if request.mimetype != "application/secevent+jwt":
            return {"err": "invalid_request", "description": "content type"}, 400
        token = request.get_data(cache=False, as_text=True)
        wrong = self._receiver.pushed(token, request.headers.get("Authorization"))
        return ("", 202) if wrong is None else (wrong, 400)

    def failed(self, error: SignInFailed) -> ResponseReturnValue:
        self._record("error", {"error": error.code, "error_description": error.detail})
        failure = {
            "words": _WORDS.get(error.code, _OTHER_WORDS),
            "code": error.code,
            "detail": error.detail,
        }
        return self._page(title="Chưa đăng nhập được", failure=failure), 400

    def _cookie(self) -> str | None:
        return request.cookies.get(self._cookie_name)

    def _go(self, address: str, *, cookie: str | None = None) -> ResponseReturnValue:
        answer = redirect(address, 303)
        if cookie is not None:
            answer.set_cookie(self._cookie_name, cookie, httponly=True, samesite="Lax")
        return answer

    def _page(self, *, title: str, **content: object) -> str:
        return render_template("portal.html", portal=self._settings, title=title, **content)

    def _record(self, kind: str, claims: Mapping[str, Any]) -> None:
        self._events.record(portal=self._settings.name, kind=kind, claims=claims)


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    if request.endpoint != "frontchannel_logout":
        response.headers["X-Frame-Options"] = "DENY"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _shown(claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in sorted(claims.items())
    ]
