"""Quản lý đăng nhập (R70, S13): sessions, history and portals of one's own account."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from flask import Flask, Response, request

from idp.domain.events import AuditEvent, Event
from idp.domain.sessions import Session
from idp.web import exports, i18n, screens, start
from idp.web.devices import describe
from idp.web.journey import again, current_session, house, read_id, visitor
from idp.web.owner import owner
from idp.web.parts import Message, Notice, SessionRow, Tone
from idp.web.screens import respond
from idp.web.security import clear_session_cookie

_NOTES = ("phone", "operator", "representative", "organisation", "post")
KEPT = timedelta(days=365)
_PAGE, _MOST = 50, 5000

_FAILURES = (
    Event.LOGIN_REFUSED,
    Event.LOGIN_BLOCKED,
    Event.CODE_WRONG,
    Event.IDENTITY_REFUSED,
)
_SIGN_INS = (Event.LOGIN_SUCCEEDED, Event.SESSION_ENDED, *_FAILURES)
FILTERS: dict[str, tuple[Event, ...] | None] = {
    "all": None,
    "success": (Event.LOGIN_SUCCEEDED,),
    "failure": _FAILURES,
    "change": tuple(event for event in Event if event not in _SIGN_INS),
}
"""What the history can be narrowed to."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history."""

    at: datetime
    event: Event
    method: str
    level: str
    portal: str
    ip: str
    place: str
    note: str

    @property
    def is_failure(self) -> bool:
        """Whether somebody tried in vain."""
        return self.event in _FAILURES


def init_app(app: Flask) -> None:
    """Answer the three pages."""
    app.add_url_rule("/account/sessions", "sessions", _sessions)
    app.add_url_rule("/account/sessions/end", "sessions_end", _end, methods=["POST"])
    app.add_url_rule("/account/history", "history", _history)
    app.add_url_rule("/account/history.csv", "history_csv", _csv)
    app.add_url_rule("/account/portals", "portals", _portals)
    app.add_url_rule("/account/portals/revoke", "portals_revoke", _revoke, methods=["POST"])


# --- sessions -----------------------------------------------------------------------------------


@owner("/account/sessions")
def _sessions(session: Session) -> Response:
    now = house().clock()
    every = house().sessions.of_account(session.account_id, now=now)
    told = "ended" in request.args
    context = {
        "sessions": tuple(_row(each, session) for each in every),
        "notice": Notice(Message("sessions.ended"), Tone.SUCCESS) if told else None,
    }
    return respond(screens.plain("sessions.html", **context))


def _row(session: Session, current: Session) -> SessionRow:
    device = session.device
    browser, system = describe(device.user_agent if device else "")
    ip = device.ip if device else ""
    return SessionRow(
        id=session.id.hex,
        browser=browser,
        system=system,
        ip=ip,
        place=house().places.name(ip, i18n.current().language),
        started_at=session.created_at,
        last_seen_at=session.last_seen_at,
        portals=tuple(map(house().portal_name, house().sessions.clients(session.id))),
        is_current=session.id == current.id,
    )


@owner("/account/sessions")
def _end(session: Session) -> Response:
    """Đăng xuất one of them, the others, or all; the tokens of each end with it."""
    now = house().clock()
    every = [each.id for each in house().sessions.of_account(session.account_id, now=now)]
    if "all" in request.form:
        chosen = every
    elif "others" in request.form:
        chosen = [each for each in every if each != session.id]
    else:
        asked = read_id(request.form.get("session", ""))
        chosen = [each for each in every if each == asked]
    with house().database.transaction() as connection:
        house().sessions.end(connection, chosen, "owner", now=now)
        for each in chosen:
            event = AuditEvent(
                Event.SESSION_ENDED,
                now,
                session.account_id,
                session_id=each,
                details={"ip": visitor().ip},
            )
            house().audit.add(connection, event)
    if current_session(now=now) is not None:
        return again("/account/sessions?ended")
    response = again("/")
    clear_session_cookie(response)
    return response


# --- history ------------------------------------------------------------------------------------


@owner("/account/history")
def _history(session: Session) -> Response:
    chosen = request.args.get("show", "all")
    chosen = chosen if chosen in FILTERS else "all"
    rows = list(islice(_rows(session, chosen, before=_before()), _PAGE + 1))
    context = {
        "rows": rows[:_PAGE],
        "filters": tuple(FILTERS),
        "chosen": chosen,
        "older": _milliseconds(rows[_PAGE - 1].at) if len(rows) > _PAGE else 0,
    }
    return respond(screens.plain("history.html", **context))


def _before() -> datetime | None:
    """From where on older lines are asked for."""
    text = request.args.get("before", "")
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_MOMENT:
        return None
    return datetime.fromtimestamp(int(text) / 1000, house().clock().tzinfo)


_LONGEST_MOMENT = 14


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _rows(
    session: Session, chosen: str, *, before: datetime | None = None, limit: int = _PAGE + 1
) -> Iterable[HistoryRow]:
    events = house().audit.of_account(
        session.account_id,
        since=house().clock() - KEPT,
        before=before,
        events=FILTERS[chosen],
        limit=limit,
    )
    language = i18n.current().language
    for event in events:
        ip = event.details.get("ip", "")
        yield HistoryRow(
            event.at,
            event.event,
            event.details.get("method", ""),
            event.details.get("level", "").removeprefix("ial"),
            house().portal_name(event.client_id) if event.client_id else "",
            ip,
            house().places.name(ip, language),
            next((event.details[name] for name in _NOTES if event.details.get(name)), ""),
        )


def history_of(session: Session) -> Iterable[HistoryRow]:
    """All of it that is kept, newest first."""
    return _rows(session, "all", limit=_MOST)


@owner("/account/history")
def _csv(session: Session) -> Response:
    """The history as a table for spreadsheets; personal data leaves with a fresh proof only."""
    now = house().clock()
    house().account.check_fresh(session, now=now)
    exports.check(session)
    chosen = request.args.get("show", "all")
    chosen = chosen if chosen in FILTERS else "all"
    out = io.StringIO()
    table = csv.writer(out)
    columns = ("at", "event", "result", "method", "level", "portal", "ip", "place")
    table.writerow([i18n.text(f"history.column.{name}") for name in columns])
    for row in _rows(session, chosen, limit=_MOST):
        result = "failure" if row.is_failure else "success"
        cells = (
            i18n.format_datetime(row.at),
            i18n.text(f"history.{row.event}"),
            i18n.text(f"history.result.{result}"),
            i18n.text(f"method.{row.method}") if row.method else "",
            row.level,
            row.portal,
            row.ip,
            row.place,
        )
        table.writerow([_harmless(cell) for cell in cells])
    # Spreadsheets read the mark as "this is UTF-8"; without it they spoil the diacritics.
    return exports.send(
        session, "history.csv", "\ufeff" + out.getvalue(), "text/csv; charset=utf-8"
    )


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (CWE-1236)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


# --- portals ------------------------------------------------------------------------------------


@owner("/account/portals")
def _portals(session: Session) -> Response:
    now = house().clock()
    links = house().portal_links.of_account(session.account_id, now=now)
    visits = house().portal_links.visits(session.account_id, since=now - KEPT, limit=20)
    told = "revoked" in request.args
    context = {
        "links": tuple(
            (house().portal_name(link.client_id), link, start.path_of(link.client_id))
            for link in links
        ),
        "visits": tuple((house().portal_name(visit.client_id), visit.at) for visit in visits),
        "notice": Notice(Message("portals.revoked"), Tone.SUCCESS) if told else None,
    }
    return respond(screens.plain("portals.html", **context))


@owner("/account/portals")
def _revoke(session: Session) -> Response:
    """Thu hồi: the consent and every token that rests on it."""
    now, client_id = house().clock(), request.form.get("portal", "")[:200]
    links = house().portal_links.of_account(session.account_id, now=now)
    if client_id in {link.client_id for link in links}:
        with house().database.transaction() as connection:
            house().consents.revoke(connection, session.account_id, client_id, now=now)
            event = AuditEvent(
                Event.CONSENT_REVOKED,
                now,
                session.account_id,
                client_id=client_id,
                session_id=session.id,
                details={"ip": visitor().ip},
            )
            house().audit.add(connection, event)
    return again("/account/portals?revoked")
