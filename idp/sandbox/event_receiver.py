"""The portal's side of Shared Signals, written without any of the provider's code.

A portal makes itself a stream when it starts and keeps it: one is pushed to (RFC 8935), the other
polls (RFC 8936). What arrives is believed only when its signature, type, issuer and audience hold,
and counts once; a revoked session ends here as well.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from idp.sandbox.events import Events
from idp.sandbox.portal_sessions import Browsers
from idp.sandbox.portal_settings import PortalSettings
from idp.sandbox.relying_party import RelyingParty, SignInFailed

_PUSH, _POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"
_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC = "https://schemas.openid.net/secevent/risc/event-type/"
_ENDS_SESSION = f"{_CAEP}session-revoked"
_ENDS_PERSON = frozenset({f"{_RISC}account-disabled", f"{_RISC}account-purged"})
_WAIT, _WAIT_AFTER_FAULT, _RENEW_SECONDS = 1.0, 3.0, 200
_MOST_REMEMBERED = 10_000


class EventReceiver:
    """One portal's stream, and what comes through it."""

    def __init__(
        self,
        settings: PortalSettings,
        *,
        party: RelyingParty,
        events: Events,
        browsers: Browsers,
    ) -> None:
        self._settings, self._party = settings, party
        self._events, self._browsers = events, browsers
        self._secret = f"Bearer {secrets.token_urlsafe(24)}"
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    # --- receiving ------------------------------------------------------------------------------

    def pushed(self, token: str, authorization: str | None) -> dict[str, str] | None:
        """Take a pushed token; answers what is wrong with it (RFC 8935, 2.3), or None."""
        if not secrets.compare_digest(authorization or "", self._secret):
            return {"err": "authentication_failed", "description": "not the agreed header"}
        try:
            self._take(self._party.security_event(token))
        except SignInFailed as error:
            return {"err": "invalid_request", "description": str(error)}
        return None

    def is_new(self, jti: str) -> bool:
        """Whether a token comes for the first time."""
        with self._lock:
            if jti in self._seen:
                return False
            self._seen[jti] = None
            if len(self._seen) > _MOST_REMEMBERED:
                self._seen.popitem(last=False)
            return True

    def _take(self, claims: Mapping[str, Any]) -> None:
        if not self.is_new(str(claims["jti"])):
            return
        self._events.record(portal=self._settings.name, kind="security_event", claims=claims)
        subject = claims.get("sub_id")
        subject = subject if isinstance(subject, dict) else {}
        user = subject.get("user", subject)
        if _ENDS_SESSION in claims["events"]:
            session = subject.get("session", {})
            self._browsers.end(sid=session.get("id"), sub=user.get("sub"))
        elif _ENDS_PERSON & set(claims["events"]):
            self._browsers.end(sid=None, sub=user.get("sub"))

    # --- the stream -----------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Keep the stream until ``stop`` is set; a provider that is away is waited for."""
        wait = _WAIT
        while not stop.wait(wait):
            try:
                self._keep(stop)
            except (SignInFailed, KeyError, TypeError):
                wait = _WAIT_AFTER_FAULT

    def _keep(self, stop: threading.Event) -> None:
        """One access token long."""
        token = self._party.own_token("ssf.manage")
        stream = self._stream(token)
        acknowledged: list[str] = []
        for _ in range(_RENEW_SECONDS):
            if stop.wait(_WAIT):
                return
            if not self._settings.is_pushed:
                acknowledged = self._poll(stream, token, acknowledged)

    def _stream(self, token: str) -> dict[str, Any]:
        """Our one stream: as we want it now, made if there is none."""
        about = self._party.transmitter()
        address = about["configuration_endpoint"]
        delivery: dict[str, Any] = {"method": _POLL}
        if self._settings.is_pushed:
            delivery = {
                "method": _PUSH,
                "endpoint_url": f"{self._settings.origin}/events",
                "authorization_header": self._secret,
            }
        found = self._party.call("GET", address, token)["items"]
        wanted: dict[str, Any] = {"delivery": delivery, "description": self._settings.name}
        if not found:
            found = [self._party.call("POST", address, token, wanted)]
        wanted |= {
            "stream_id": found[0]["stream_id"],
            "events_requested": found[0]["events_supported"],
        }
        return self._party.call("PUT", address, token, wanted)

    def _poll(self, stream: Mapping[str, Any], token: str, ack: list[str]) -> list[str]:
        """Fetch what waits; answers what to acknowledge with the next call."""
        asked = {"maxEvents": 50, "returnImmediately": True, "ack": ack}
        address = stream["delivery"]["endpoint_url"]
        answer = self._party.call("POST", address, token, asked)
        for text in answer["sets"].values():
            try:
                self._take(self._party.security_event(text))
            except SignInFailed as error:
                wrong = {"error": error.code, "error_description": error.detail}
                self._events.record(portal=self._settings.name, kind="error", claims=wrong)
        return list(answer["sets"])
