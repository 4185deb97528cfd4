"""What an owner takes away: asked for here, counted, and told on every channel."""

from __future__ import annotations

from flask import Response, make_response, request
from werkzeug.exceptions import Forbidden

from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.web.journey import house, visitor
from idp.web.owner import count_change


def check(session: Session) -> None:
    """Raises ``Forbidden`` for a link that another site led to (CSRF), ``TooManyRequests``."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        raise Forbidden
    count_change(session)


def send(session: Session, what: str, text: str, content_type: str) -> Response:
    """The file ``what`` with its ending, and a message to the owner that it left."""
    details = {"ip": visitor().ip, "what": what.partition(".")[0]}
    event = AuditEvent(
        Event.DATA_EXPORTED,
        house().clock(),
        session.account_id,
        session_id=session.id,
        details=details,
    )
    with house().database.transaction() as connection:
        house().account.notices.tell(connection, event)
    response = make_response(text)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Disposition"] = f'attachment; filename="{what}"'
    return response
