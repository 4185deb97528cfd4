"""``/account/data``: everything that is on file about a person, to read and to take away."""

from __future__ import annotations

import json
from datetime import datetime

from flask import Flask, Response

from idp.domain.accounts import Account, VerifiedValue
from idp.domain.sessions import Session
from idp.domain.subjects import PhoneNumber, SubjectKind
from idp.storage.accounts import OwnIdentity
from idp.storage.portal_links import PortalLink
from idp.web import exports, i18n, screens
from idp.web.activity import HistoryRow, history_of
from idp.web.facts import shown_value, source_text
from idp.web.journey import house
from idp.web.owner import name_of, owner
from idp.web.screens import respond


def init_app(app: Flask) -> None:
    """Answer the page and the file."""
    app.add_url_rule("/account/data", "data", _data)
    app.add_url_rule("/account/data.json", "data_json", _export)


@owner("/account/data")
def _data(session: Session) -> Response:
    """Everything we hold, to read."""
    return respond(screens.plain("data.html", **_everything(session)))


@owner("/account/data")
def _export(session: Session) -> Response:
    """Everything we hold, for a program; with a fresh proof, and told."""
    now = house().clock()
    house().account.check_change(session, now=now)
    exports.check(session)
    found = {**_everything(session), "history": list(map(_line, history_of(session)))}
    text = json.dumps(found, ensure_ascii=False, indent=2, default=str)
    return exports.send(session, "account.json", text, "application/json")


def _everything(session: Session) -> dict[str, object]:
    """What is on file about a person, in words and plain values."""
    account = house().accounts.get(session.account_id)
    own = house().accounts.identity(account.id)
    return {
        "name": name_of(session),
        "kind": account.kind,
        "level": int(account.ial),
        "settings": {
            "sign_in_by_sms": account.allows_sms,
            "ask_before_a_new_portal": account.asks_new_portals,
            "language_of_notices": account.language,
            "has_password": account.password_hash is not None,
        },
        "closes_at": _at(account.closes_at),
        **_identity(account, own),
        **_ways_in(account),
        **_consents(account),
        **_others(session, account, own),
    }


def _identity(account: Account, own: OwnIdentity) -> dict[str, object]:
    """Numbers, facts with their sources, and the proofs behind them."""
    accounts = house().accounts
    return {
        "numbers": [
            {"kind": number.kind, "value": number.value, "since": _at(at)}
            for number, at in own.id_numbers
        ],
        "facts": [_fact(fact) for fact in own.values],
        "former_facts": [
            {**_fact(fact), "until": _at(until)}
            for fact, until in accounts.former_facts(account.id)
        ],
        "proofs": [
            {
                "method": proof.method,
                "level": int(proof.ial),
                "source": proof.source,
                "at": _at(proof.at),
                "ended_at": _at(proof.ended_at),
            }
            for proof in accounts.proofs(account.id)
        ],
    }


def _fact(fact: VerifiedValue) -> dict[str, str]:
    return {
        "name": fact.attribute,
        "value": shown_value(fact.attribute, fact.value),
        "source": fact.source,
        "vouched_by": source_text(fact.source),
        "since": _at(fact.at),
    }


def _ways_in(account: Account) -> dict[str, object]:
    """Phones, certificates and keys, and who is signed in."""
    now = house().clock()
    return {
        "phones": [
            {
                "number": phone.number.national,
                "is_default": phone.is_default,
                "is_reported_lost": phone.is_lost,
            }
            for phone in account.phones
        ],
        "credentials": [
            {"method": each.method, "since": _at(each.added_at), **each.details}
            for each in house().credentials.of_account(account.id)
        ],
        "sessions": [
            {"since": _at(each.created_at), "ip": each.device.ip if each.device else ""}
            for each in house().sessions.of_account(account.id, now=now)
        ],
    }


def _consents(account: Account) -> dict[str, object]:
    """What each portal may see, by which words, and what was taken back."""
    links, now = house().portal_links, house().clock()
    return {
        "portals": [_consent(link) for link in links.of_account(account.id, now=now)],
        "withdrawn": [
            {**_consent(link), "until": _at(link.revoked_at)}
            for link in links.withdrawn(account.id)
        ],
    }


def _consent(link: PortalLink) -> dict[str, object]:
    return {
        "portal": house().portal_name(link.client_id),
        "may_see": [i18n.text(f"claim.{item}") for item in link.items],
        "since": _at(link.granted_at),
        "last_looked": _at(link.last_at),
        "text_version": link.text_version,
    }


def _others(session: Session, account: Account, own: OwnIdentity) -> dict[str, object]:
    """Complaints, and who acts for whom."""
    flow = house().representatives
    is_enterprise = account.kind is SubjectKind.ENTERPRISE
    people = flow.of(session) if is_enterprise else ()
    return {
        "representatives": [
            {"name": each.name, "number": each.number.value, "since": _at(each.added_at)}
            for each in people
        ],
        "acts_for": [{"name": name, "since": _at(since)} for name, since in flow.enterprises(own)],
        "complaints": [
            {
                "ticket": each.content.ticket,
                "at": _at(each.created_at),
                "status": each.status,
                "id_number": each.content.id_number,
                "full_name": each.content.full_name,
                "phone": PhoneNumber(each.content.phone).national,
                "text": each.content.text,
                "answer": each.content.answer,
            }
            for each in house().complaint.made_by(account, own)
        ],
    }


def _line(row: HistoryRow) -> dict[str, str]:
    """A line of the history for a program."""
    return {
        "at": _at(row.at),
        "event": row.event,
        "result": "failure" if row.is_failure else "success",
        "method": row.method,
        "level": row.level,
        "portal": row.portal,
        "ip": row.ip,
        "place": row.place,
        "note": row.note,
    }


def _at(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
