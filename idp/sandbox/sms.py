"""The SMS gateway, with an inbox that shows what every phone received."""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults, numbers

_MOST_MESSAGES = 10_000
_LONGEST_KEY = 255
_LONGEST_TEXT = 2000
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Message:
    """One delivered message."""

    message_id: str
    to: str  # E.164
    text: str
    sender: str
    sent_at: datetime

    @property
    def code(self) -> str | None:
        """The one-time code in the text, so that nobody has to search for it.

        The last number of six digits: a portal's name stands before it and may have one as well.
        """
        found = _CODE.findall(self.text)
        return found[-1] if found else None

    def as_json(self) -> dict[str, object]:
        """What ``GET /sms`` answers."""
        return {
            "to": self.to,
            "text": self.text,
            "code": self.code,
            "sent_at": self.sent_at.isoformat(timespec="milliseconds"),
        }


class Inbox:
    """The newest messages, each delivered once per idempotency key."""

    def __init__(self, *, most: int = _MOST_MESSAGES) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._messages: OrderedDict[str, Message] = OrderedDict()

    def deliver(self, *, key: str, to: str, text: str, sender: str) -> Message:
        """The message of this key; only the first call with it delivers."""
        with self._lock:
            known = self._messages.get(key)
            if known is not None:
                return known
            message = Message(str(uuid.uuid4()), to, text, sender, datetime.now(UTC))
            self._messages[key] = message
            if len(self._messages) > self._most:
                self._messages.popitem(last=False)
            return message

    def newest_first(self, *, to: str | None = None) -> list[Message]:
        """Everything, or what one E.164 number received."""
        with self._lock:
            return [m for m in reversed(self._messages.values()) if to is None or m.to == to]


def gateway(inbox: Inbox, broken: faults.Faults) -> Blueprint:
    """The wire protocol that the provider speaks to a real gateway."""
    routes = Blueprint("sms_gateway", __name__)
    faults.guard(routes, broken, "sms")
    answers.require_bearer(routes, "sandbox-sms")

    @routes.post("/sms/v1/messages")
    def send() -> ResponseReturnValue:
        key = request.headers.get("Idempotency-Key", "")
        asked: Any = request.get_json(silent=True)
        wrong = "Idempotency-Key" if not 0 < len(key) <= _LONGEST_KEY else _mistake(asked)
        if wrong is not None:
            return {"error": "invalid_request", "error_description": wrong}, 400
        message = inbox.deliver(key=key, to=asked["to"], text=asked["text"], sender=asked["sender"])
        return {"message_id": message.message_id}, 202

    return routes


def reader(inbox: Inbox) -> Blueprint:
    """``GET /sms``: the phones' screens, never disturbed by the gateway's faults."""
    routes = Blueprint("sms_inbox", __name__)

    @routes.get("/sms")
    def show() -> ResponseReturnValue:
        typed = request.args.get("to", "").strip()
        wrong = False
        messages: list[Message] = []
        try:
            to = numbers.e164(numbers.national(typed)) if typed else None
            messages = inbox.newest_first(to=to)
        except ValueError:
            wrong = True
        status = 400 if wrong else 200
        if answers.wants_html():
            page = render_template("inbox.html", messages=messages[:200], typed=typed, wrong=wrong)
            return page, status
        if wrong:
            return {"error": "to: not a phone number"}, status
        return answers.listed([message.as_json() for message in messages])

    return routes


def _mistake(asked: object) -> str | None:
    if not isinstance(asked, Mapping):
        return "a JSON object is needed"
    to, text, sender = (asked.get(name) for name in ("to", "text", "sender"))
    if not isinstance(to, str) or not numbers.is_e164(to):
        return "to"
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT:
        return "text"
    return None if isinstance(sender, str) else "sender"
