"""What the portal will get, in words, and what is kept of the person's yes."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response

from idp.domain.assurance import IAL
from idp.domain.clients import Client
from idp.domain.events import AuditEvent, Event
from idp.domain.subjects import SubjectKind
from idp.oidc.authorization import AuthorizationRequest
from idp.oidc.claims import ITEMS
from idp.storage.sessions import Seen
from idp.web.journey import house
from idp.web.parts import Cancel, ClientView, Frame, Page, Portal
from idp.web.screens import respond
from idp.web.security import allow_form_target, allow_image

TEXT = "2026-11"
"""The version of the words of the consent page, kept with every approval."""

_OF_A_PERSON = frozenset({"birthdate", "gender"})
_NAMED_BY_KIND = frozenset({"name", "id_number"})


def page(
    transaction: UUID, asked: AuthorizationRequest, client: Client, kind: SubjectKind, level: IAL
) -> Response:
    """Ask whoever is signed in; ``level`` is what their sign-in proves."""
    allow_form_target(asked.redirect_uri)
    if client.logo_uri:
        allow_image(client.logo_uri)
    frame = Frame(
        f"/consent/{transaction.hex}",
        portal=Portal(client.client_name, asked.wanted, client.logo_uri),
        cancel=Cancel.OFFERED,
    )
    context: dict[str, object] = {
        "frame": frame,
        "portal": frame.portal,
        "notice": None,
        "faults": {},
        "client": _view(client, asked.redirect_uri),
        "data": _labels(asked.consent_items, kind),
        "level": level,
    }
    return respond(Page("consent.html", context))


def record(seen: Seen, client: Client, items: frozenset[str], *, now: datetime) -> None:
    """Remember the yes until it changes or is withdrawn."""
    account_id = seen.session.account_id
    event = AuditEvent(
        Event.CONSENT_GIVEN,
        now,
        account_id,
        seen.session.actor_id,
        client_id=client.client_id,
        session_id=seen.session.id,
        details={"items": " ".join(sorted(items)), "text": TEXT},
    )
    with house().database.transaction() as connection:
        house().consents.record(
            connection, account_id, client.client_id, items, text_version=TEXT, now=now
        )
        house().audit.add(connection, event)


def _labels(items: frozenset[str], kind: SubjectKind) -> tuple[str, ...]:
    """The data in the words of whoever is asked: a firm has a tax code and no birthday."""
    listed = sorted(items, key=ITEMS.index)
    if kind is SubjectKind.CITIZEN:
        return tuple(listed)
    theirs = (name for name in listed if name not in _OF_A_PERSON)
    return tuple(f"{name}.{kind}" if name in _NAMED_BY_KIND else name for name in theirs)


def _view(client: Client, redirect_uri: str) -> ClientView:
    home = urlsplit(client.client_id).netloc if client.voucher else ""
    if client.is_stranger:
        home = urlsplit(redirect_uri).netloc or redirect_uri
    return ClientView(
        client.client_name,
        policy=client.policy_uri,
        terms=client.tos_uri,
        home=home,
        voucher=client.voucher,
    )
