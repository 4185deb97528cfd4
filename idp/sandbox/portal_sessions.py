"""What a portal remembers of each browser, on its own side of a cookie."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from idp.sandbox.relying_party import Attempt, SignedIn

_MOST_BROWSERS = 10_000
_MOST_ATTEMPTS = 20


class Browser:
    """One browser: the sign-ins it has begun, and the one that succeeded."""

    def __init__(self) -> None:
        self.attempts: OrderedDict[str, Attempt] = OrderedDict()
        self.signed_in: SignedIn | None = None


class Browsers:
    """All browsers by the value of their cookie; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._browsers: OrderedDict[str, Browser] = OrderedDict()

    def signed_in(self, cookie: str | None) -> SignedIn | None:
        """The sign-in of this browser."""
        with self._lock:
            browser = self._browsers.get(cookie or "")
            return browser.signed_in if browser else None

    def begin(self, cookie: str | None, attempt: Attempt) -> str:
        """Remember what was sent; answers the cookie to set."""
        with self._lock:
            if cookie is None or cookie not in self._browsers:
                cookie = secrets.token_urlsafe(24)
                self._keep(cookie, Browser())
            attempts = self._browsers[cookie].attempts
            attempts[attempt.state] = attempt
            if len(attempts) > _MOST_ATTEMPTS:
                attempts.popitem(last=False)
            return cookie

    def take(self, cookie: str | None, state: str | None) -> Attempt | None:
        """The attempt that this answer belongs to; each is good for one answer."""
        with self._lock:
            browser = self._browsers.get(cookie or "")
            return browser.attempts.pop(state or "", None) if browser else None

    def succeed(self, cookie: str | None, signed_in: SignedIn) -> str:
        """Sign the browser in under a fresh cookie, so that a planted one is worth nothing."""
        with self._lock:
            browser = self._browsers.pop(cookie or "", None) or Browser()
            browser.signed_in = signed_in
            fresh = secrets.token_urlsafe(24)
            self._keep(fresh, browser)
            return fresh

    def forget(self, cookie: str | None) -> SignedIn | None:
        """End this browser's sign-in; answers what it was."""
        with self._lock:
            browser = self._browsers.pop(cookie or "", None)
            return browser.signed_in if browser else None

    def end(self, *, sid: object, sub: object) -> None:
        """Back-channel logout: end the provider session's sign-ins, or all of the subject."""
        with self._lock:
            for browser in self._browsers.values():
                claims = browser.signed_in.claims if browser.signed_in else {}
                if claims and (claims.get("sid") == sid if sid else claims.get("sub") == sub):
                    browser.signed_in = None

    def _keep(self, cookie: str, browser: Browser) -> None:
        self._browsers[cookie] = browser
        if len(self._browsers) > _MOST_BROWSERS:
            self._browsers.popitem(last=False)
