"""Logs: events with fields, one line each, without a secret and without personal data in clear."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

_SECRET_KEYS = re.compile(
    r"password|secret|token|code_verifier|authorization|cookie|full_name|phone|id_number|email|otp"
)
_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{9}|[0-9]{12})(?![0-9A-Za-z])")
_PHONE = re.compile(r"(?<![0-9A-Za-z])(?:\+84|84|0)[35789][0-9]{8}(?![0-9A-Za-z])")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9]{6}(?![0-9A-Za-z])")
_HIDDEN = "***"


def mask(text: str) -> str:
    """The text without what looks like a phone, an id number or a code."""
    for pattern in (_PHONE, _ID_NUMBER, _CODE):
        text = pattern.sub(_HIDDEN, text)
    return text


def _mask_event(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = _HIDDEN
        elif isinstance(value, str) and key not in {"timestamp", "request_id", "reference"}:
            event[key] = mask(value)
    return event


def request(*, endpoint: str, status: int, request_id: str) -> None:
    """The line of a request that was answered before routing: as every other line, but in a hurry.

    All three are words of ours, so there is nothing to mask.
    """
    if not _quick:
        _log.info("request", endpoint=endpoint, status=status, request_id=request_id)
        return
    line = _Line(endpoint, status, request_id, "request", "info", _now())
    sys.stderr.write(f"{_encode(line).decode()}\n")


class _Line(msgspec.Struct):
    """What structlog would make of it, its members in the same order."""

    endpoint: str
    status: int
    request_id: str
    event: str
    level: str
    timestamp: str


_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger("idp.request")
_quick = False


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def setup(level: str, form: str) -> None:
    """Send every log of this process to standard error in one form."""
    global _quick  # noqa: PLW0603  the form belongs to the process
    _quick = form == "json" and level in {"debug", "info"}
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
