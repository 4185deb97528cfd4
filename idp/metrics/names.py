"""Every metric that processes count, with its labels; ``docs/operating.md`` explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter, or a histogram where it has ``buckets`` (upper bounds in seconds)."""

    name: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers one series needs: its buckets, those above all of them, and the sum."""
        return len(self.buckets) + 2 if self.buckets else 1


_QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAITS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

REQUEST_SECONDS: Final = Metric(
    "idp_http_request_seconds",
    "Requests, and the time until each was answered, by endpoint and class of status",
    ("endpoint", "status"),
    _QUICK,
)
SIGN_INS: Final = Metric(
    "idp_sign_ins", "Sign-ins by method, proven level and outcome", ("method", "level", "outcome")
)
REGISTRATIONS: Final = Metric(
    "idp_registrations", "Registrations by method and outcome", ("method", "outcome")
)
TOKENS: Final = Metric("idp_tokens", "Answers with tokens by grant", ("grant",))
PROTOCOL_ERRORS: Final = Metric(
    "idp_protocol_errors",
    "Refused calls of programs; invalid_client is a refused client authentication",
    ("endpoint", "error"),
)
CODES: Final = Metric("idp_codes", "Codes asked for by purpose and outcome", ("purpose", "outcome"))
MESSAGES: Final = Metric(
    "idp_messages", "Messages to people: handed over, tried again, given up", ("kind", "outcome")
)
MESSAGE_SECONDS: Final = Metric(
    "idp_message_seconds", "From its cause until a message is handed over", ("kind",), _WAITS
)
PORTAL_CALLS: Final = Metric(
    "idp_portal_messages", "Logouts and security events to portals", ("kind", "outcome")
)
OUTSIDE_SECONDS: Final = Metric(
    "idp_outside_seconds", "Calls of outside systems by outcome", ("system", "outcome"), _SLOW
)
THROTTLED: Final = Metric("idp_throttled", "What went over a limit", ("limit",))

EVERY: Final = (
    REQUEST_SECONDS,
    SIGN_INS,
    REGISTRATIONS,
    TOKENS,
    PROTOCOL_ERRORS,
    CODES,
    MESSAGES,
    MESSAGE_SECONDS,
    PORTAL_CALLS,
    OUTSIDE_SECONDS,
    THROTTLED,
)
