"""``/counter/v1``: what the post offices' own system calls (``docs/openapi/counter.yaml``)."""

from __future__ import annotations

import hmac
from typing import Literal

import msgspec
from flask import Flask, Response, jsonify, request

from idp.domain.accounts import Identity
from idp.domain.errors import Conflict
from idp.flows.counter import Card, Clerk, Unreadable
from idp.web.journey import house


class _Clerk(msgspec.Struct):
    id: str
    post_office: str


class _Account(msgspec.Struct):
    id_number: str
    full_name: str
    birth_date: str
    phone: str
    clerk: _Clerk
    consent: bool
    other_id_numbers: list[str] = []
    sex: Literal["male", "female"] | None = None
    email: str = ""


def init_app(app: Flask) -> None:
    """Answer the counter system."""
    app.add_url_rule("/counter/v1/accounts", "counter_accounts", _issue, methods=["POST"])


class _Refused(Exception):
    """A request that changes nothing: status, code, words for a developer."""


def _issue() -> Response:
    """Issue an activation for a person whose card the clerk has seen."""
    try:
        _check_key()
        asked = _read()
        issued = house().counter.issue(_identity(asked), _clerk(asked), now=house().clock())
    except _Refused as error:
        status, code, text = error.args
        return _error(status, code, text)
    except Conflict as error:
        return _error(409, error.code, "this person has an account")
    answer = jsonify(activation_code=issued.code, expires_at=issued.expires_at.isoformat())
    answer.status_code = 201
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _check_key() -> None:
    key = house().config.systems[house().counter.method].api_key
    shown = request.headers.get("Authorization", "")
    if not key or not hmac.compare_digest(shown.encode(), f"Bearer {key}".encode()):
        raise _Refused(401, "unauthorized", "a key of the counter system is needed")


def _read() -> _Account:
    try:
        asked = msgspec.json.decode(request.get_data(), type=_Account)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _Refused(400, "invalid_request", str(error)[:200]) from error
    if not asked.consent:
        raise _Refused(400, "consent_required", "the person has to agree")
    return asked


def _clerk(asked: _Account) -> Clerk:
    clerk = Clerk(asked.clerk.id.strip()[:100], asked.clerk.post_office.strip()[:100])
    if not clerk.id or not clerk.post_office:
        raise _Refused(400, "invalid_request", "clerk")
    return clerk


def _identity(asked: _Account) -> Identity:
    card = Card(
        asked.id_number,
        asked.full_name,
        asked.birth_date,
        asked.phone,
        asked.sex or "",
        asked.email,
        tuple(asked.other_id_numbers),
    )
    office = asked.clerk.post_office[:100]
    found = house().counter.read(card, office=office, now=house().clock())
    if isinstance(found, Unreadable):
        raise _Refused(400, "invalid_request", " ".join(sorted(set(found.faults.values()))))
    return found


def _error(status: int, code: str, text: str) -> Response:
    answer = jsonify(error=code, error_description=text)
    answer.status_code = status
    return answer
