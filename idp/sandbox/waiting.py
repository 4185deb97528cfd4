"""A client that waits for a person elsewhere: RFC 8628, 3.4 and 3.5; CIBA Core, 10 and 11."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from idp.sandbox.relying_party import RelyingParty, SignedIn, SignInFailed

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
CIBA = "urn:openid:params:grant-type:ciba"
_PARAMETER = {DEVICE_CODE: "device_code", CIBA: "auth_req_id"}
_MORE_SECONDS = 5
_LATE_SECONDS = 2


@dataclass(slots=True)
class Waiting:
    """One request: when it may be polled again, and how it ended.

    ``due_at`` is None while the provider is expected to call first (ping).
    """

    grant_type: str
    name: str = field(repr=False)
    interval: float
    expires_at: float
    due_at: float | None
    signed_in: SignedIn | None = None
    error: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def state(self) -> str:
        """In one word."""
        if self.signed_in is not None:
            return "done"
        return "failed" if self.error else "waiting"

    def look(self, party: RelyingParty, *, now: float) -> None:
        """Ask for the tokens if it is time to; however many pages look, at the agreed pace."""
        with self.lock:
            due = self.expires_at + _LATE_SECONDS if self.due_at is None else self.due_at
            if self.state != "waiting" or now < due:
                return
            self._poll(party)
            self.due_at = now + self.interval

    def call(self, *, now: float) -> None:
        """The provider says that it is decided (ping): the tokens may be fetched at once."""
        with self.lock:
            self.due_at = now

    def _poll(self, party: RelyingParty) -> None:
        form = {"grant_type": self.grant_type, _PARAMETER[self.grant_type]: self.name}
        try:
            self.signed_in = party.accept(party.ask("token_endpoint", form))
        except SignInFailed as error:
            match error.code:
                case "authorization_pending":
                    pass
                case "slow_down":
                    self.interval += _MORE_SECONDS
                case "provider_unreachable":
                    self.interval *= 2
                case _:
                    self.error = error.code
