"""Security events that portals may ask for: which they are, and which line of history makes which.

OpenID CAEP 1.0 and RISC Profile 1.0 (both final), over the Shared Signals Framework 1.0. An event
says what happened to an account; it holds no personal data: new values of claims are read when it
is delivered, and only those that the portal may see.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from idp.domain.assurance import IAL
from idp.domain.events import AuditEvent, Event

_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC = "https://schemas.openid.net/secevent/risc/event-type/"
_SSF = "https://schemas.openid.net/secevent/ssf/event-type/"


class SignalType(enum.StrEnum):
    """Event types by their URI. The last two are about a stream and not about a person."""

    SESSION_REVOKED = f"{_CAEP}session-revoked"
    TOKEN_CLAIMS_CHANGE = f"{_CAEP}token-claims-change"
    CREDENTIAL_CHANGE = f"{_CAEP}credential-change"
    ASSURANCE_LEVEL_CHANGE = f"{_CAEP}assurance-level-change"
    ACCOUNT_DISABLED = f"{_RISC}account-disabled"
    ACCOUNT_ENABLED = f"{_RISC}account-enabled"
    ACCOUNT_PURGED = f"{_RISC}account-purged"
    IDENTIFIER_CHANGED = f"{_RISC}identifier-changed"
    CREDENTIAL_COMPROMISE = f"{_RISC}credential-compromise"
    RECOVERY_ACTIVATED = f"{_RISC}recovery-activated"
    RECOVERY_INFORMATION_CHANGED = f"{_RISC}recovery-information-changed"
    VERIFICATION = f"{_SSF}verification"
    STREAM_UPDATED = f"{_SSF}stream-updated"


ABOUT_STREAMS: Final = frozenset({SignalType.VERIFICATION, SignalType.STREAM_UPDATED})
SUPPORTED: Final = tuple(kind for kind in SignalType if kind not in ABOUT_STREAMS)
"""What a stream can be asked to deliver. RISC's sessions-revoked is left out: the final profile
forbids it to new implementations in favour of CAEP's session-revoked."""

NAMESPACE: Final = "ial"
"""Whose words the levels of assurance-level-change are: our ``acr`` values."""


class By(enum.StrEnum):
    """``initiating_entity`` (CAEP, section 2)."""

    ADMIN = "admin"
    USER = "user"
    POLICY = "policy"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Signal:
    """One event. ``details`` is its JSON without values of claims; ``claims`` names those."""

    type: SignalType
    details: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    sid: str = ""


def _said(by: By, text: str) -> dict[str, Any]:
    """Who caused it, and a sentence for the portal's own log (CAEP, section 2)."""
    return {"initiating_entity": str(by), "reason_admin": {"en": text}}


# --- sessions -------------------------------------------------------------------------------------

_REASONS: Final[Mapping[str, tuple[By, str]]] = {
    "logout": (By.USER, "The person signed out."),
    "owner": (By.USER, "The person ended the session from their account."),
    "password": (By.USER, "The password was changed."),
    "reset": (By.USER, "The password was reset."),
    "consent": (By.USER, "The person withdrew the portal's consent."),
    "frozen": (By.USER, "The account was frozen."),
    "closed": (By.USER, "The account was closed."),
    "superseded": (By.USER, "Somebody else signed in with the same browser."),
    "expired": (By.POLICY, "The session's time was over."),
    "representative": (By.USER, "The person no longer acts for the account."),
    "client": (By.ADMIN, "The portal's registration ended."),
}


def session_revoked(sid: str, reason: str) -> Signal:
    """A session ended at a portal (CAEP, 3.1)."""
    by, text = _REASONS.get(reason, (By.SYSTEM, "The session ended."))
    return Signal(SignalType.SESSION_REVOKED, _said(by, text), sid=sid)


# --- levels ---------------------------------------------------------------------------------------


def level_change(before: IAL, after: IAL) -> Signal:
    """The level proven for an account rose or fell (CAEP, 3.4)."""
    rose = after > before
    details = {
        "namespace": NAMESPACE,
        "current_level": after.acr,
        "previous_level": before.acr,
        "change_direction": "increase" if rose else "decrease",
        **_said(By.SYSTEM, "A proof was added." if rose else "A proof ended."),
    }
    return Signal(SignalType.ASSURANCE_LEVEL_CHANGE, details)


# --- what the history says ------------------------------------------------------------------------


def _credential(change: str, text: str, kind: str = "") -> Callable[[AuditEvent], list[Signal]]:
    """CAEP, 3.3. Without a ``kind`` its method is named; what that is there, the method says."""

    def make(event: AuditEvent) -> list[Signal]:
        by = By.SYSTEM if event.details.get("reason") == "revoked" else By.USER
        details = {
            "credential_type": kind or event.details.get("method", ""),
            "change_type": "revoke" if by is By.SYSTEM else change,
            **_said(by, text),
        }
        return [Signal(SignalType.CREDENTIAL_CHANGE, details)]

    return make


def _phone(change: str, text: str) -> Callable[[AuditEvent], list[Signal]]:
    """A phone that receives codes also recovers the account."""
    credential = _credential(change, text, "phone-sms")

    def make(event: AuditEvent) -> list[Signal]:
        recovery = Signal(SignalType.RECOVERY_INFORMATION_CHANGED)
        # A lost number that was the contact phone as well takes that with it.
        return [*credential(event), recovery, *_contact(event)]

    return make


def _reset(event: AuditEvent) -> list[Signal]:
    changed = _credential("update", "The password was reset.", "password")
    return [*changed(event), Signal(SignalType.RECOVERY_ACTIVATED)]


def _claims(
    *names: str, by: By = By.USER, text: str = "Facts about the person changed."
) -> Callable[[AuditEvent], list[Signal]]:
    details = _said(by, text)

    def make(_event: AuditEvent) -> list[Signal]:
        return [Signal(SignalType.TOKEN_CLAIMS_CHANGE, details, claims=names)]

    return make


def _contact(event: AuditEvent) -> list[Signal]:
    """A contact phone is what portals know as phone_number; an address is told to nobody."""
    if "contact_phone" not in event.details.get("what", "").split():
        return []
    moved = Signal(SignalType.IDENTIFIER_CHANGED, claims=("phone_number",))
    return [*_claims("phone_number", "phone_number_verified")(event), moved]


def _frozen(event: AuditEvent) -> list[Signal]:
    """Who freezes an account by the link of a notice says that it was not them."""
    if event.details.get("reason") not in _HIJACKED:
        return [Signal(SignalType.ACCOUNT_DISABLED)]
    compromised = {
        "credential_type": "password",
        **_said(By.USER, "The owner says that somebody else used the account."),
    }
    return [
        Signal(SignalType.ACCOUNT_DISABLED, {"reason": "hijacking"}),
        Signal(SignalType.CREDENTIAL_COMPROMISE, compromised),
    ]


_HIJACKED: Final = frozenset({"notice", "history"})
"""Both are Không phải tôi: the link of a notice, and the button beside the history."""


def _plain(kind: SignalType) -> Callable[[AuditEvent], list[Signal]]:
    def make(_event: AuditEvent) -> list[Signal]:
        return [Signal(kind)]

    return make


_MAKERS: Final[Mapping[Event, Callable[[AuditEvent], list[Signal]]]] = {
    Event.CREDENTIAL_ADDED: _credential("create", "A way to sign in was added."),
    Event.CREDENTIAL_RENEWED: _credential("update", "A certificate was renewed."),
    Event.CREDENTIAL_REMOVED: _credential("delete", "A way to sign in was removed."),
    Event.PASSWORD_CHANGED: _credential("update", "The password was changed.", "password"),
    Event.PASSWORD_RESET: _reset,
    Event.PHONE_ADDED: _phone("create", "A phone was added."),
    Event.PHONE_REMOVED: _phone("delete", "A phone was removed."),
    Event.PHONE_REPLACED: _phone("update", "A lost phone was replaced."),
    Event.PHONE_RESTORED: _phone("update", "A replaced phone was put back."),
    Event.EMAIL_CONFIRMED: _claims("email", "email_verified"),
    Event.CONTACT_CHANGED: _contact,
    Event.IDENTITY_RENEWED: _claims("name", "birthdate", "gender", "id_number", "id_number_type"),
    Event.AGENCY_CHANGED: _claims(
        *("name", "parent_agency", "address"),
        by=By.SYSTEM,
        text="The directory of agencies changed.",
    ),
    Event.ACCOUNT_FROZEN: _frozen,
    Event.ACCOUNT_THAWED: _plain(SignalType.ACCOUNT_ENABLED),
    Event.ACCOUNT_CLOSED: _plain(SignalType.ACCOUNT_PURGED),
}
"""The whole mapping. Ends of sessions and changes of level have makers of their own above."""


def signals_of(event: AuditEvent) -> list[Signal]:
    """What portals hear of a line of history; nothing of most."""
    make = _MAKERS.get(event.event)
    return make(event) if make and event.account_id is not None else []
