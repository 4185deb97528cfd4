"""``/usb``: the virtual reader and the signing tool's dialogue, for people and for programs."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from idp.sandbox import answers
from idp.sandbox.people import People, Person
from idp.sandbox.tokens import NoReader, Reader

_PATIENCE_SECONDS, _OPEN_SECONDS = 8.0, 130.0


@dataclass
class Dialogue:
    """One question of the signing tool."""

    id: str
    origin: str
    certificates: list[dict[str, Any]]
    until: float
    answer: dict[str, Any] | None = None


@dataclass
class Dialogues:
    """The open one; the tool asks one thing at a time."""

    _open: Dialogue | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def start(self, origin: str, certificates: list[dict[str, Any]]) -> Dialogue:
        """Show a dialogue; an older one is over."""
        until = time.monotonic() + _OPEN_SECONDS
        dialogue = Dialogue(secrets.token_hex(8), origin, certificates, until)
        with self._changed:
            self._open = dialogue
            self._changed.notify_all()
        return dialogue

    def find(self, dialogue_id: str) -> Dialogue | None:
        """The dialogue of that id, with its answer when there is one."""
        with self._changed:
            found = self._open
        return found if found and found.id == dialogue_id else None

    def waiting(self) -> Dialogue | None:
        """The dialogue that nobody has answered."""
        found = self._open
        if found is None or found.answer is not None or found.until < time.monotonic():
            return None
        return found

    def answer(self, wanted: Mapping[str, Any]) -> bool:
        """Answer it; a program that is faster than the tool waits a moment for it."""
        with self._changed:
            self._changed.wait_for(lambda: self.waiting() is not None, _PATIENCE_SECONDS)
            dialogue = self.waiting()
            if dialogue is None:
                return False
            dialogue.answer = _answer(dialogue, wanted)
            return True


def _answer(dialogue: Dialogue, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if wanted.get("cancel"):
        return {"state": "cancelled"}
    number = _number(dialogue, wanted.get("certificate"))
    return {"state": "answered", "certificate": number, "pin": str(wanted.get("pin", ""))}


def _number(dialogue: Dialogue, named: object) -> int:
    """A certificate by its place, its serial number or its holder; the first one by default."""
    for number, certificate in enumerate(dialogue.certificates):
        if named in (number, str(number), certificate["serial"], certificate["subject"]):
            return number
    if isinstance(named, Mapping):
        return _number(dialogue, named.get("serial"))
    return 0


def blueprint(people: People, reader: Reader, dialogues: Dialogues) -> Blueprint:
    """The routes."""
    routes = Blueprint("usb", __name__)
    _for_the_person(routes, people, reader, dialogues)

    @routes.post("/usb/dialogue")
    def ask() -> ResponseReturnValue:
        fields = request.get_json(silent=True)
        if not isinstance(fields, dict) or not isinstance(fields.get("certificates"), list):
            return {"error": "origin and certificates are needed"}, 400
        dialogue = dialogues.start(str(fields.get("origin")), fields["certificates"])
        return {"id": dialogue.id}, 201

    @routes.get("/usb/dialogue/<dialogue_id>")
    def answered(dialogue_id: str) -> ResponseReturnValue:
        dialogue = dialogues.find(dialogue_id)
        if dialogue is None:
            return {"state": "cancelled"}
        return dialogue.answer or {"state": "waiting"}

    return routes


def _for_the_person(
    routes: Blueprint, people: People, reader: Reader, dialogues: Dialogues
) -> None:
    @routes.get("/usb")
    def show() -> ResponseReturnValue:
        waiting, inserted = dialogues.waiting(), reader.inserted
        if answers.wants_html():
            owners = [person for person in people.all() if person.usb]
            return render_template(
                "usb.html",
                owners=owners,
                inserted=inserted,
                dialogue=waiting,
                is_there=reader.is_there,
            )
        return {
            "reader": reader.is_there,
            "inserted": _shown(inserted),
            "dialogue": (
                {"origin": waiting.origin, "certificates": waiting.certificates}
                if waiting
                else None
            ),
        }

    @routes.post("/usb/insert")
    def insert() -> ResponseReturnValue:
        person = _named(people, _fields().get("person"))
        if person is None or person.usb is None:
            return {"error": "person: nobody with a token has that number"}, 404
        try:
            reader.insert(person)
        except NoReader:
            return {"error": "SoftHSM is not installed"}, 503
        return answers.back_to("/usb") if answers.wants_html() else {"inserted": _shown(person)}

    @routes.post("/usb/remove")
    def remove() -> ResponseReturnValue:
        try:
            reader.remove()
        except NoReader:
            return {"error": "SoftHSM is not installed"}, 503
        return answers.back_to("/usb") if answers.wants_html() else {"inserted": None}

    @routes.post("/usb/answer")
    def answer() -> ResponseReturnValue:
        if not dialogues.answer(_fields()):
            return {"error": "no dialogue is waiting"}, 409
        return answers.back_to("/usb") if answers.wants_html() else {"answered": True}


def _fields() -> Mapping[str, Any]:
    found = request.get_json(silent=True) if request.is_json else request.form.to_dict()
    return found if isinstance(found, Mapping) else {}


def _named(people: People, named: object) -> Person | None:
    """Somebody by any number, by name, or as the object that ``/people`` answered."""
    if isinstance(named, Mapping):
        keys = (named.get("id_number"), named.get("tax_code"), named.get("agency_code"))
        named = next((key for key in keys if key), None)
    if not isinstance(named, str) or not named:
        return None
    return people.find(named) or next(
        (person for person in people.all() if named in (person.full_name, person.cmnd)), None
    )


def _shown(person: Person | None) -> dict[str, Any] | None:
    if person is None or person.usb is None:
        return None
    return {"person": person.key, "full_name": person.full_name, "token": person.usb.token}
