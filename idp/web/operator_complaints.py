"""``/operator/complaints``: what waits, one of them with its evidence, the decision (S4)."""

from __future__ import annotations

from uuid import UUID

from flask import Flask, Response, request

from idp.authenticators.contract import AskFields, Field, FieldKind
from idp.domain.errors import Conflict
from idp.domain.operators import Officer, Role
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.flows.answers import Said
from idp.flows.complaint_desk import LONGEST, SHORTEST
from idp.storage.complaints import ComplaintStatus
from idp.web import i18n, operator, screens
from idp.web.facts import source_text
from idp.web.journey import again, house, message, read_id
from idp.web.operator import PAGES, officer
from idp.web.parts import Frame, Message, Notice, Tone
from idp.web.screens import respond

_HERE = PAGES[Role.COMPLAINTS]
_ANSWER = AskFields("operator.complaint", (Field("text", FieldKind.LONG_TEXT),))
_DECISIONS = {"accept": ComplaintStatus.ACCEPTED, "reject": ComplaintStatus.REJECTED}


def init_app(app: Flask) -> None:
    """Answer the list, one complaint, and its buttons."""
    app.add_url_rule(_HERE, "operator_complaints", _waiting)
    app.add_url_rule(
        f"{_HERE}/<complaint>", "operator_complaint", _complaint, methods=["GET", "POST"]
    )


@officer(Role.COMPLAINTS)
def _waiting(decider: Officer) -> Response:
    rows = tuple(
        (found.id.hex, found.content.ticket, found.created_at, _masked(found.content.id_number))
        for found in house().console.complaints.waiting()
    )
    told = next((name for name in ("answered", "taken") if name in request.args), "")
    tone = Tone.SUCCESS if told == "answered" else Tone.WARNING
    notice = Notice(Message(f"operator.complaints.{told}"), tone) if told else None
    context = {"rows": rows, "notice": notice}
    return respond(operator.page("operator_complaints.html", decider.role, **context))


def _masked(number: str) -> str:
    return IdNumber.parse(number).masked


@officer(Role.COMPLAINTS)
def _complaint(decider: Officer, complaint: str) -> Response:
    desk, now, complaint_id = house().console.complaints, house().clock(), read_id(complaint)
    do = request.form.get("do", "")
    if request.method == "GET" or do not in {*_DECISIONS, "stop"}:
        return _show(decider, complaint_id)
    text = screens.read_fields(_ANSWER, request.form).values["text"]
    if do in _DECISIONS and not SHORTEST <= len(text) <= LONGEST:
        return _show(decider, complaint_id, text, {"text": Said("error.operator.text")})
    try:
        if do == "stop":
            desk.stop(decider, complaint_id, now=now)
            return again(f"{_HERE}/{complaint}")
        desk.decide(decider, complaint_id, _DECISIONS[do], text, now=now)
    except Conflict as error:
        if error.code != "complaint.answered":
            return _refused(decider, error)
        return again(f"{_HERE}?taken")
    return again(f"{_HERE}?answered")


def _show(
    decider: Officer, complaint_id: UUID, text: str = "", faults: dict[str, Said] | None = None
) -> Response:
    try:
        case = house().console.complaints.open(decider, complaint_id, now=house().clock())
    except Conflict as error:
        return _refused(decider, error)
    if isinstance(case, Said):
        return _refused(decider, Conflict("operator.limit"))
    told = {name: message(said) for name, said in (faults or {}).items()}
    form = screens.ask_fields(
        _ANSWER, Frame(f"{_HERE}/{complaint_id.hex}"), values={"text": text}, faults=told
    )
    about = case.complaint.content
    context = {
        "action": f"{_HERE}/{complaint_id.hex}",
        "case": case,
        "phone": PhoneNumber(about.phone).display,
        "proofs": tuple((proof, source_text(proof.source)) for proof in case.proofs),
        "view": form.context["fields"][0],  # type: ignore[index]
        "is_open": case.complaint.status is ComplaintStatus.RECEIVED,
        "faults": told,
    }
    found = operator.page("operator_complaint.html", decider.role, **context)
    return respond(found, 422 if told else 200)


def _refused(decider: Officer, error: Conflict) -> Response:
    """Told on a page of the console: there is no such complaint, or it is not this one's."""
    key = f"error.{error.code}"
    known = Message(key if i18n.current().has(key) else "error.complaint.unknown")
    context = {"faults": {"": known}, "rows": ()}
    found = operator.page("operator_complaints.html", decider.role, **context)
    return respond(found, 404 if error.code == "complaint.unknown" else 409)
