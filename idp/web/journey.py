"""What the pages of a journey share: the visitor, the session, notices, links to the captcha."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from flask import Flask, Response, current_app, jsonify, redirect, request
from werkzeug.exceptions import NotFound

from idp.authenticators.contract import AskSignature, Method
from idp.config import Config
from idp.domain.clients import Client
from idp.domain.sessions import Session
from idp.flows.account import AccountFlow
from idp.flows.agencies import AgencyDesk
from idp.flows.answers import Answer, Said, Visitor
from idp.flows.clerk import ClerkFlow
from idp.flows.complaint import ComplaintFlow
from idp.flows.complaint_desk import ComplaintDesk
from idp.flows.confirming import ConfirmingFlow
from idp.flows.counter import CounterFlow
from idp.flows.counter_desk import CounterDesk
from idp.flows.decoupled import DecoupledFlow
from idp.flows.emergency import EmergencyFlow
from idp.flows.enrolling import EnrollingFlow
from idp.flows.freezing import FreezingFlow
from idp.flows.login.flow import LoginFlow
from idp.flows.lost_phone import LostPhoneFlow
from idp.flows.operators import OperatorFlow
from idp.flows.recovery import RecoveryFlow
from idp.flows.registration.flow import RegistrationFlow
from idp.flows.representatives import RepresentativeFlow
from idp.flows.reverifying import ReverifyingFlow
from idp.ports import Clock
from idp.storage.accounts import AccountStore
from idp.storage.audit import AuditStore
from idp.storage.clients import ClientStore
from idp.storage.credentials import CredentialStore
from idp.storage.database import Database
from idp.storage.levels import LevelStore
from idp.storage.portal_links import PortalLinkStore
from idp.storage.sessions import ConsentStore, SessionStore
from idp.storage.transactions import TransactionStore
from idp.web.captcha import Challenger
from idp.web.i18n import text
from idp.web.parts import Captcha, Frame, Message, Notice, Page, Tone
from idp.web.places import Places
from idp.web.screens import ask_signature, respond
from idp.web.security import allow_program, browser_hash, client_ip, session_cookie

S = TypeVar("S")
EXTENSION = "idp.house"


@dataclass(frozen=True, slots=True)
class Console:
    """What the operators' pages call."""

    operators: OperatorFlow
    clerk: ClerkFlow
    counter: CounterDesk
    complaints: ComplaintDesk
    agencies: AgencyDesk


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
    credentials: CredentialStore
    levels: LevelStore
    transactions: TransactionStore
    audit: AuditStore
    login: LoginFlow
    registration: RegistrationFlow
    counter: CounterFlow
    complaint: ComplaintFlow
    account: AccountFlow
    confirming: ConfirmingFlow
    enrolling: EnrollingFlow
    reverifying: ReverifyingFlow
    recovery: RecoveryFlow
    lost_phone: LostPhoneFlow
    freezing: FreezingFlow
    emergency: EmergencyFlow
    methods: tuple[Method, ...]
    challenger: Challenger
    portal_links: PortalLinkStore
    clients: ClientStore[Client]
    places: Places
    decoupled: DecoupledFlow
    console: Console
    representatives: RepresentativeFlow

    def portal_name(self, client_id: str) -> str:
        """What people know a portal as."""
        found = self.clients.find(client_id)
        return found.client_name if found else client_id


def install(app: Flask, house: House) -> None:
    """Make the house known to the views of ``app``."""
    app.extensions[EXTENSION] = house


def house() -> House:
    """The house of the current application."""
    found: House = current_app.extensions[EXTENSION]
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


def code_notice(answer: Answer[object], delay: Said | None) -> Notice:
    """What stands above the field for a code: what went wrong, or that the code is on its way."""
    told = answer.notice or delay
    return (
        Notice(message(told), Tone.WARNING)
        if told
        else Notice(Message("notice.otp_sent"), Tone.SUCCESS)
    )


def captcha(kind: str, transaction_id: UUID, answer: str) -> Captcha | None:
    """The picture of a journey, when it has one."""
    if not answer:
        return None
    base = f"/captcha/{kind}/{transaction_id.hex}"
    return Captcha(f"{base}.png", f"{base}.wav", house().config.captcha.test_answer)


def signature_page(screen: AskSignature, frame: Frame, answer: Answer[object]) -> Page:
    """The page whose script calls the signing tool, which no other page may do."""
    tools = () if screen.options else house().config.signing_tool.addresses
    for address in tools:
        allow_program(address)
    return ask_signature(screen, frame, tools, faults=faults(answer))


def wants_json() -> bool:
    """Whether the script of a waiting page asks, and not the browser itself."""
    return request.accept_mimetypes.best == "application/json"


def next_of(response: Response) -> Response:
    """What a waiting page's script is told: where to go; cookies come with it."""
    if not wants_json():
        return response
    told = jsonify({"next": response.headers["Location"]})
    for cookie in response.headers.getlist("Set-Cookie"):
        told.headers.add("Set-Cookie", cookie)
    return told


def still_waiting(answer: Answer[object]) -> Response:
    """Nothing yet: the script asks again, and tells meanwhile who does not answer."""
    said = answer.notice
    return jsonify({"told": text(said.key, **said.values)} if said else {})


def shown(page: Page, answer: Answer[S]) -> Response:
    """The page of a step."""
    return respond(page) if answer.is_quiet else refused(page, answer.told)


def refused(page: Page, told: Iterable[Said]) -> Response:
    """A page that says what is wrong: 422, or 503 where an outside system failed."""
    wait = max((said.retry_after for said in told), default=0)
    response = respond(page, 503 if wait else 422)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def with_told(answer: Answer[S], told: tuple[str, dict[str, str]] | None) -> Answer[S]:
    """What the phone refused, told on the page that follows."""
    if told is None or not answer.is_quiet:
        return answer
    key, values = told
    return replace(answer, faults={"": Said(key, values)})
