"""Counters of this process, and their sum over all processes of a machine.

Everything above ``domain`` may count; who reads is ``idp.management``. A count is an addition in
memory that the other processes map as well: no statement, no lock between processes, no network.
Labels are names of ours (an endpoint, a method, an outcome), never what somebody sent: nothing
about a person or a portal can stand in a metric.
"""

from idp.metrics.meter import Meter, open_in
from idp.metrics.names import (
    CODES,
    EVERY,
    MESSAGE_SECONDS,
    MESSAGES,
    OUTSIDE_SECONDS,
    PORTAL_CALLS,
    PROTOCOL_ERRORS,
    REGISTRATIONS,
    REQUEST_SECONDS,
    SIGN_INS,
    THROTTLED,
    TOKENS,
    Metric,
)
from idp.metrics.reading import Reader

__all__ = [
    "CODES",
    "EVERY",
    "MESSAGES",
    "MESSAGE_SECONDS",
    "OUTSIDE_SECONDS",
    "PORTAL_CALLS",
    "PROTOCOL_ERRORS",
    "REGISTRATIONS",
    "REQUEST_SECONDS",
    "SIGN_INS",
    "THROTTLED",
    "TOKENS",
    "Meter",
    "Metric",
    "Reader",
    "open_in",
]
