"""``/account/approvals``: what portals ask a person to confirm (CIBA), and the answer.

A request is confirmed with a proof that was made for it: by a sign-in that its own page began, with
a method that reaches its level; what was proven before, or for another request, does not count.
Refusing needs none; Không phải tôi freezes.
"""

from __future__ import annotations

from flask import Flask, Response, request

from idp.domain.errors import Conflict
from idp.domain.sessions import Session
from idp.flows.decoupled_answering import Answerer
from idp.storage.decoupled import Waiting
from idp.web import screens
from idp.web.consent import TEXT as CONSENT_TEXT
from idp.web.device import can_reach, client_view, portal_of, to_login
from idp.web.journey import again, house, read_id, visitor
from idp.web.owner import owner
from idp.web.parts import Cancel, Frame, Message, Notice, Page, Tone
from idp.web.screens import Action, respond
from idp.web.security import clear_session_cookie

_HERE = "/account/approvals"
_TOLD = ("given", "refused", "over")


def init_app(app: Flask) -> None:
    """Answer the list and its requests."""
    app.add_url_rule(_HERE, "approvals", _list)
    app.add_url_rule(f"{_HERE}/<approval>", "approval", _one, methods=["GET", "POST"])


@owner(_HERE)
def _list(session: Session) -> Response:
    waiting = house().decoupled.answering.store.of_account(session.account_id, now=house().clock())
    told = next((name for name in _TOLD if name in request.args), "")
    tone = Tone.SUCCESS if told == "given" else Tone.INFO
    notice = Notice(Message(f"approvals.{told}"), tone) if told else None
    return respond(screens.plain("approvals.html", waiting=waiting, notice=notice))


@owner(_HERE)
def _one(session: Session, approval: str) -> Response:
    now = house().clock()
    waiting = house().decoupled.answering.store.find(read_id(approval), now=now)
    if waiting is None or waiting.account_id != session.account_id:
        return again(f"{_HERE}?over")
    if request.method == "GET":
        return respond(_page(session, waiting))
    try:
        if request.form.get("do") == "freeze":
            return _freeze(session, waiting)
        if screens.read_action(request.form) is Action.CANCEL:
            house().decoupled.answering.refuse(waiting, session.account_id, visitor(), now=now)
            return again(f"{_HERE}?refused")
        return _confirm(session, waiting)
    except Conflict as error:
        if error.code != "request.over":
            raise
        return again(f"{_HERE}?over")


def _confirm(session: Session, waiting: Waiting) -> Response:
    """Yes, with a proof of its own; without one the person makes it first."""
    now, flow, here = house().clock(), house().decoupled.answering, f"{_HERE}/{waiting.id.hex}"
    fresh = flow.fresh(waiting, session, now=now)
    if fresh is None:
        if not can_reach(session, waiting):
            return again(here)
        return to_login(waiting, here, made_for=waiting.proof_name)
    answerer = Answerer(session.account_id, session.account_ial, (fresh,), CONSENT_TEXT)
    flow.approve(waiting, answerer, visitor(), now=now)
    return again(f"{_HERE}?given")


def _freeze(session: Session, waiting: Waiting) -> Response:
    """Không phải tôi: refuse, and let nobody in until the account is recovered."""
    now = house().clock()
    house().decoupled.answering.refuse(waiting, session.account_id, visitor(), now=now)
    house().freezing.freeze(session.account_id, "approval", visitor(), now=now)
    response = respond(screens.plain("frozen.html"))
    clear_session_cookie(response)
    return response


def _page(session: Session, waiting: Waiting) -> Page:
    now, here = house().clock(), f"{_HERE}/{waiting.id.hex}"
    is_able = can_reach(session, waiting)
    frame = Frame(here, portal=portal_of(waiting), cancel=Cancel.OFFERED)
    context: dict[str, object] = {
        "frame": frame,
        "portal": frame.portal,
        "notice": None if is_able else Notice(Message("decoupled.level"), Tone.WARNING),
        "faults": {},
        "client": client_view(waiting),
        "text": waiting.asked.message,
        "code": waiting.asked.code,
        "data": waiting.asked.items,
        "at": waiting.created_at,
        "until": waiting.expires_at,
        "is_able": is_able,
        "is_proven": house().decoupled.answering.fresh(waiting, session, now=now) is not None,
    }
    return Page("approval.html", context)
