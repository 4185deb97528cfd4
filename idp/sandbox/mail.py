"""A mail relay and the letters that everybody received."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers, faults

_MOST_LETTERS = 10_000
_MOST_BYTES = 1_000_000
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivered letter."""

    to: str
    subject: str
    text: str
    sent_at: datetime

    @property
    def code(self) -> str | None:
        """The one-time code in the text."""
        found = _CODE.search(self.text)
        return found[0] if found else None

    def as_json(self) -> dict[str, object]:
        """What ``GET /mail`` answers."""
        return {
            "to": self.to,
            "subject": self.subject,
            "text": self.text,
            "code": self.code,
            "sent_at": self.sent_at.isoformat(timespec="milliseconds"),
        }


class Mailbox:
    """The newest letters, each delivered once per Message-ID and recipient."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: OrderedDict[tuple[str, str], Letter] = OrderedDict()

    def deliver(self, to: str, letter: EmailMessage) -> None:
        """Keep one, unless it came before."""
        body = letter.get_body(("plain",))
        text = body.get_content() if body else ""
        kept = Letter(to.lower(), str(letter["Subject"] or ""), text, datetime.now(UTC))
        with self._lock:
            self._letters.setdefault((str(letter["Message-ID"]), kept.to), kept)
            if len(self._letters) > _MOST_LETTERS:
                self._letters.popitem(last=False)

    def newest_first(self, *, to: str = "") -> list[Letter]:
        """Everything, or what one address received."""
        with self._lock:
            return [each for each in reversed(self._letters.values()) if to in ("", each.to)]


class _Handler:
    """What the SMTP server does with a letter."""

    def __init__(self, mailbox: Mailbox, broken: faults.Faults) -> None:
        self._mailbox, self._broken = mailbox, broken

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ANN401, N802  aiosmtpd's names
        del server, session
        if self._broken.is_broken("mail"):
            return "451 4.3.0 try again later"
        letter = message_from_bytes(envelope.content, policy=policy.default)
        for to in envelope.rcpt_tos:
            self._mailbox.deliver(to, letter)
        return "250 2.0.0 taken"


def relay(mailbox: Mailbox, broken: faults.Faults, *, port: int) -> Controller:
    """The SMTP server; the caller starts and stops it."""
    handler = _Handler(mailbox, broken)
    return Controller(handler, hostname="127.0.0.1", port=port, data_size_limit=_MOST_BYTES)


def reader(mailbox: Mailbox) -> Blueprint:
    """``GET /mail``: everybody's mailbox."""
    routes = Blueprint("mail", __name__)

    @routes.get("/mail")
    def show() -> ResponseReturnValue:
        typed = request.args.get("to", "").strip().lower()
        letters = mailbox.newest_first(to=typed)
        if answers.wants_html():
            return render_template("mail.html", letters=letters[:200], typed=typed)
        return answers.listed([letter.as_json() for letter in letters])

    return routes
