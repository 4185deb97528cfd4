"""Screens as templates, forms as replies; no decisions.

A method or a flow says what is asked (``AskFields``, ``AskCode``); here it becomes a ``Page``: the
name of a template and what the template needs. What comes back is read here too: NFC, without
control characters, at most ``MAX_LENGTH`` characters a field. Passwords are never shown again.
"""

from __future__ import annotations

import enum
import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, make_response, render_template, request, url_for
from jinja2 import StrictUndefined

from idp.authenticators.contract import (
    AskCode,
    AskFields,
    FieldKind,
    Filled,
    Invalid,
    Method,
    Refusal,
)
from idp.domain.accounts import Phone
from idp.domain.assurance import IAL
from idp.domain.subjects import SubjectKind
from idp.web.i18n import _markup

MAX_LENGTH: Final = 512
MAX_PASSWORD_LENGTH: Final = 128
CODE_DIGITS: Final = 6

# --- what pages are made of ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A text for a person: its key and what its placeholders stand for."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


Faults = Mapping[str, Message]
"""What is wrong, by field name; the fault of a whole form has the name ``""``."""


class Tone(enum.StrEnum):
    """How a notice is coloured and which sign it carries; the words alone say it as well."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell at the top of a page."""

    message: Message
    tone: Tone = Tone.INFO


@dataclass(frozen=True, slots=True)
class Portal:
    """Who sent the person here, and the level that is asked for."""

    name: str
    level: IAL | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A way off the page: key of the text, address."""

    key: str
    href: str


class TabState(enum.Enum):
    """Where a tab leads."""

    CURRENT = "current"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Tab:
    """One way to sign in; ``CLOSED`` is one that this installation does not offer yet."""

    key: str
    href: str
    state: TabState = TabState.OPEN


@dataclass(frozen=True, slots=True)
class Captcha:
    """Addresses of picture and sound; the picture with ``?new=`` is a new challenge."""

    picture: str
    sound: str
    test_answer: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Which step of how many: 'Bước 2/4'."""

    number: int
    total: int


class Cancel(enum.Enum):
    """Whether the page has the button Hủy."""

    OFFERED = "offered"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Frame:
    """What every form has around it. ``action`` is where all forms of the page post to."""

    action: str
    portal: Portal | None = None
    notice: Notice | None = None
    step: Step | None = None
    links: tuple[Link, ...] = ()
    cancel: Cancel = Cancel.ABSENT


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it needs."""

    template: str
    context: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FieldView:
    """One input as the browser gets it."""

    name: str
    label: tuple[str, ...]
    hint: tuple[str, ...]
    placeholder: tuple[str, ...]
    is_required: bool
    value: str
    attributes: Mapping[str, str]
    fault: Message | None

    @property
    def is_secret(self) -> bool:
        """Whether it is masked and has a switch to show it."""
        return self.attributes["type"] == "password"


@dataclass(frozen=True, slots=True)
class CodeTiming:
    """When the code dies and when the next one may be asked for."""

    now: datetime
    expires_at: datetime
    resend_at: datetime

    @property
    def expires_in(self) -> int:
        """Seconds left, not below zero."""
        return max(0, round((self.expires_at - self.now).total_seconds()))

    @property
    def resend_in(self) -> int:
        """Seconds left, not below zero."""
        return max(0, round((self.resend_at - self.now).total_seconds()))


class Closed(enum.StrEnum):
    """Why a tile cannot be chosen. The text is the key ``tile.<value>``."""

    OTHER_SUBJECT = "other_subject"
    NOT_OPEN = "not_open"


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to register: whom it is for, and whether this installation offers it."""

    name: str
    ial: IAL
    subjects: frozenset[SubjectKind]
    is_open: bool

    def closed_for(self, subject: SubjectKind) -> Closed | None:
        """Why ``subject`` cannot choose it; None when it can."""
        if subject not in self.subjects:
            return Closed.OTHER_SUBJECT
        return None if self.is_open else Closed.NOT_OPEN


@dataclass(frozen=True, slots=True)
class ClientView:
    """A portal as the consent page shows it. ``logo`` is an address of ours, never of theirs."""

    name: str
    logo: str = ""
    policy: str = ""
    terms: str = ""


class RowStatus(enum.StrEnum):
    """The three states of S12. The text is the key ``status.<value>``."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """One row of Thông tin định danh: ``identity.<name>``, with its source and date."""

    name: str
    value: str
    status: RowStatus
    source: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A signed-in browser."""

    device: str
    ip: str
    started_at: datetime
    last_seen_at: datetime
    is_current: bool


# --- pages --------------------------------------------------------------------------------------

_TYPED: Final[Mapping[FieldKind, Mapping[str, str]]] = {
    FieldKind.ID_NUMBER: {
        "type": "text",
        "autocomplete": "username",
        "inputmode": "numeric",
        "autocapitalize": "none",
        "spellcheck": "false",
    },
    FieldKind.NAME: {"type": "text", "autocomplete": "name", "autocapitalize": "words"},
    FieldKind.BIRTH_DATE: {"type": "text", "autocomplete": "bday", "inputmode": "numeric"},
    FieldKind.PHONE: {"type": "tel", "autocomplete": "tel-national", "inputmode": "tel"},
    FieldKind.EMAIL: {
        "type": "email",
        "autocomplete": "email",
        "inputmode": "email",
        "autocapitalize": "none",
        "spellcheck": "false",
    },
    FieldKind.PASSWORD: {"type": "password", "autocomplete": "current-password"},
    FieldKind.TEXT: {"type": "text", "autocomplete": "off"},
}
"""How each kind is typed, filled in and announced (ux.md, rule 3)."""

_NEW_PASSWORD = {
    "type": "password",
    "autocomplete": "new-password",
    "passwordrules": "minlength: 8; required: lower; required: upper; required: digit; "
    "required: special;",
}

_TILES: Final = (
    ("mobile", IAL.MEDIUM, frozenset({SubjectKind.CITIZEN})),
    ("bhxh", IAL.MEDIUM, frozenset({SubjectKind.CITIZEN})),
    ("vnpost", IAL.MEDIUM, frozenset({SubjectKind.CITIZEN})),
    ("usb", IAL.HIGH, frozenset(SubjectKind)),
    ("sim", IAL.HIGH, frozenset({SubjectKind.CITIZEN})),
)
"""The tiles of the guide in its order (R9) and for whom they are (R10)."""


def ask_fields(
    screen: AskFields,
    frame: Frame,
    *,
    values: Mapping[str, str] | None = None,
    faults: Faults | None = None,
    captcha: Captcha | None = None,
    tabs: Sequence[Tab] = (),
) -> Page:
    """A form. ``values`` are shown again, except passwords."""
    faults = faults or {}
    shown = typed(screen, Filled(values or {}))
    fields = tuple(
        _field_view(
            asked.name,
            screen.key,
            _TYPED[asked.kind],
            is_required=asked.required,
            value=shown.get(asked.name, ""),
            fault=faults.get(asked.name),
        )
        for asked in screen.fields
    )
    context = {"key": screen.key, "fields": fields, "captcha": captcha, "tabs": tuple(tabs)}
    return Page("ask_fields.html", {**_around(frame, faults), **context})


def ask_code(
    screen: AskCode,
    frame: Frame,
    *,
    timing: CodeTiming,
    faults: Faults | None = None,
    lost_phone: str = "",
) -> Page:
    """The code screen (R16). ``lost_phone`` is the address of Mất số điện thoại nhận OTP."""
    others = tuple(phone for phone in screen.alternatives if phone.number != screen.phone)
    context = {
        "phone": screen.phone,
        "alternatives": screen.alternatives,
        "others": others,
        "timing": timing,
        "lost_phone": lost_phone,
    }
    return Page("ask_code.html", {**_around(frame, faults or {}), **context})


def set_password(frame: Frame, *, username: str = "", faults: Faults | None = None) -> Page:
    """Choose a password (R19). ``username`` lets a password manager file it."""
    faults = faults or {}
    fields = tuple(
        _field_view(
            name,
            "register.password",
            _NEW_PASSWORD,
            is_required=True,
            value="",
            fault=faults.get(name),
        )
        for name in ("password", "password_again")
    )
    context = {"fields": fields, "username": username}
    return Page("set_password.html", {**_around(frame, faults), **context})


def choose_method(
    frame: Frame, offers: Sequence[Offer], *, subject: SubjectKind = SubjectKind.CITIZEN
) -> Page:
    """Choose how to register (R8-R10); the panel of every kind of subject is in the page."""
    levels = {
        level: tuple(offer for offer in offers if offer.ial is level)
        for level in (IAL.MEDIUM, IAL.HIGH)
    }
    context = {"levels": levels, "subjects": tuple(SubjectKind), "chosen": subject}
    return Page("register_choose.html", {**_around(frame, {}), **context})


def offers(methods: Iterable[Method]) -> tuple[Offer, ...]:
    """The tiles of the guide, then methods it does not know; open is what ``methods`` has."""
    able = {method.name: method for method in methods if method.registration is not None}
    ours = tuple(
        Offer(name, ial, subjects, is_open=name in able) for name, ial, subjects in _TILES
    )
    known = {offer.name for offer in ours}
    installed = tuple(
        Offer(name, method.ial, method.registration.subjects, is_open=True)
        for name, method in able.items()
        if name not in known and method.registration is not None
    )
    return ours + installed


def _around(frame: Frame, faults: Faults) -> dict[str, object]:
    return {
        "frame": frame,
        "portal": frame.portal,
        "notice": frame.notice,
        "faults": faults,
    }


def _field_view(
    name: str,
    screen: str,
    attributes: Mapping[str, str],
    *,
    is_required: bool,
    value: str,
    fault: Message | None,
) -> FieldView:
    """The texts of the screen win over the texts of the field."""
    special, general = f"{screen}.field.{name}", f"field.{name}"
    return FieldView(
        name=name,
        label=(f"{special}.label", f"{general}.label"),
        hint=(f"{special}.hint", f"{general}.hint"),
        placeholder=(f"{special}.placeholder", f"{general}.placeholder"),
        is_required=is_required,
        value=value,
        attributes=attributes,
        fault=fault,
    )


def faults(invalid: Invalid) -> dict[str, Message]:
    """The messages of fields that cannot be read."""
    return {name: Message(f"error.{code}") for name, code in invalid.errors.items()}


def refusal(reason: Refusal) -> Message:
    """What a person is told when a method says no."""
    return Message(f"refusal.{reason}")


# --- replies ------------------------------------------------------------------------------------


class Action(enum.StrEnum):
    """What the pressed button wants; the form field ``do``."""

    CONFIRM = "confirm"
    RESEND = "resend"
    PHONE = "phone"
    CANCEL = "cancel"
    NEW_CAPTCHA = "new_captcha"
    ALL = "all"
    ONE = "one"


@dataclass(frozen=True, slots=True)
class Passwords:
    """Both entries of a new password, as typed."""

    new: str
    again: str


def read_action(form: Mapping[str, str]) -> Action:
    """Unknown and absent are the main button: pressing Enter sends no button at all."""
    wanted = form.get("do", "")
    return Action(wanted) if wanted in set(Action) else Action.CONFIRM


def read_fields(screen: AskFields, form: Mapping[str, str]) -> Filled:
    """Only the fields that were asked; passwords as typed, the rest cleaned."""
    read = {
        asked.name: _read_secret if asked.kind is FieldKind.PASSWORD else read_text
        for asked in screen.fields
    }
    return Filled({name: reader(form.get(name, "")) for name, reader in read.items()})


def typed(screen: AskFields, filled: Filled) -> dict[str, str]:
    """What may be shown again and kept with the transaction: everything but passwords."""
    kept = [asked.name for asked in screen.fields if asked.kind is not FieldKind.PASSWORD]
    return {name: filled.values[name] for name in kept if name in filled.values}


def read_passwords(form: Mapping[str, str]) -> Passwords:
    """Both entries of the set-password form."""
    return Passwords(
        _read_secret(form.get("password", "")), _read_secret(form.get("password_again", ""))
    )


def read_code(form: Mapping[str, str]) -> str:
    """The digits of a typed code; a leading #, spaces, dots and dashes are how people copy it.

    What is no code at all comes back as the empty string.
    """
    plain = unicodedata.normalize("NFKC", form.get("code", "")[:MAX_LENGTH])
    digits = "".join(sign for sign in plain if not sign.isspace() and sign not in "#.-\u200b")
    return digits if digits.isascii() and digits.isdigit() else ""


def read_phone(form: Mapping[str, str], phones: Iterable[Phone]) -> Phone | None:
    """Which of the account's own phones was picked (R45)."""
    return next((phone for phone in phones if phone.id.hex == form.get("phone")), None)


def read_text(value: str) -> str:
    """NFC, no control characters, no space around, cut at ``MAX_LENGTH``."""
    normal = unicodedata.normalize("NFC", value[: MAX_LENGTH * 2])
    printable = "".join(sign for sign in normal if unicodedata.category(sign) not in _UNSEEN)
    return printable.strip()[:MAX_LENGTH]


_UNSEEN = frozenset({"Cc", "Cs", "Co", "Cn"})


def _read_secret(value: str) -> str:
    """NFC, otherwise untouched: a space is part of a password.

    Cut one beyond the limit of ``idp.domain.passwords``, so that the rule there still sees that
    it is too long.
    """
    return unicodedata.normalize("NFC", value[:MAX_LENGTH])[: MAX_PASSWORD_LENGTH + 1]


# --- in the application -------------------------------------------------------------------------


def respond(page: Page, status: int = 200) -> Response:
    """The page as an answer."""
    return make_response(render_template(page.template, **page.context), status)


def init_app(app: Flask) -> None:
    """What templates may use; an unknown variable is an error, not an empty string."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        say=_say, static_url=_static_url(Path(app.static_folder or "")), here=_here
    )


def _say(message: Message) -> str:
    return _markup(message.key, **message.values)


def _here() -> str:
    """The path of this page with its query, for the language links."""
    return request.full_path.rstrip("?") if request.method == "GET" else request.path


def _static_url(folder: Path) -> Callable[[str], str]:
    """Addresses of static files with their digest, so that browsers may keep them for a year."""

    @cache
    def digest(name: str) -> str:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]

    def address(name: str) -> str:
        return url_for("static", filename=name, v=digest(name))

    return address
