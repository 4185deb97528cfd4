"""What the pages of a journey share: the visitor, the session, notices, links to the captcha."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Flask, Response, current_app, redirect, request
from werkzeug.exceptions import NotFound

from idp.authenticators.contract import Method
from idp.config import Config
from idp.domain.sessions import Session
from idp.flows.answers import Answer, Said, Visitor
from idp.flows.login import LoginFlow
from idp.flows.registration import RegistrationFlow
from idp.ports import Clock
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.database import Database
from idp.storage.sessions import ConsentStore, SessionStore
from idp.storage.transactions import TransactionStore
from idp.web.captcha import Challenger
from idp.web.parts import Captcha, Message, Notice, Page, Tone
from idp.web.screens import respond
from idp.web.security import browser_hash, client_ip, session_cookie

_EXTENSION = "idp.house"


@dataclass(frozen=True, slots=True)
class House:
    """Everything the pages call; made once in ``idp.app``.

    ``methods`` are all of them, also those that are switched off: pages say so.
    """

    config: Config
    clock: Clock
    database: Database
    accounts: AccountStore
    sessions: SessionStore
    consents: ConsentStore
    transactions: TransactionStore
    audit: AuditStore
    login: LoginFlow
    registration: RegistrationFlow
    methods: tuple[Method, ...]
    challenger: Challenger


def install(app: Flask, house: House) -> None:
    """Make the house known to the views of ``app``."""
    app.extensions[_EXTENSION] = house


def house() -> House:
    """The house of the current application."""
    found: House = current_app.extensions[_EXTENSION]
    return found


def visitor() -> Visitor:
    """Who asks: browser, network, program."""
    return Visitor(browser_hash(), client_ip(), request.headers.get("User-Agent", "")[:300])


def current_session(*, now: datetime) -> Session | None:
    """The session of this browser, noted as in use."""
    seen = house().sessions.find(session_cookie(), now=now)
    if seen is None:
        return None
    house().sessions.touch(seen.session, now=now)
    return seen.session


def read_id(text: str) -> UUID:
    """The id in an address; anything else is a page that does not exist."""
    try:
        return UUID(hex=text)
    except ValueError:
        raise NotFound from None


def again(path: str) -> Response:
    """See another page by GET: reload and back are harmless then."""
    return redirect(path, 303)  # type: ignore[return-value]  # werkzeug's response is Flask's here


def expired(start_url: str) -> Response:
    """The journey is over or belongs to another browser."""
    return respond(Page("expired.html", {"start_url": start_url}), 410)


def message(said: Said) -> Message:
    """A text of a flow as a page shows it."""
    return Message(said.key, said.values)


def faults(answer: Answer[object]) -> dict[str, Message]:
    """The faults of a step."""
    return {name: message(said) for name, said in answer.faults.items()}


def notice(answer: Answer[object]) -> Notice | None:
    """What a step has to tell."""
    return Notice(message(answer.notice), Tone.WARNING) if answer.notice else None


def captcha(kind: str, transaction_id: UUID, answer: str) -> Captcha | None:
    """The picture of a journey, when it has one."""
    if not answer:
        return None
    base = f"/captcha/{kind}/{transaction_id.hex}"
    return Captcha(f"{base}.png", f"{base}.wav", house().config.captcha.test_answer)
