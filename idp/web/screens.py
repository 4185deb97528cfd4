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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import segno
from flask import Flask, Response, make_response, render_template, request, url_for
from jinja2 import StrictUndefined

from idp.authenticators.contract import (
    AskCode,
    AskFields,
    AskSignature,
    AwaitPhone,
    Field,
    FieldKind,
    Filled,
    Invalid,
    Method,
)
from idp.domain import otp
from idp.domain.accounts import Phone
from idp.domain.assurance import IAL
from idp.domain.subjects import SubjectKind
from idp.web import display
from idp.web.i18n import markup
from idp.web.parts import (
    Captcha,
    CodeTiming,
    Faults,
    FieldView,
    Frame,
    Message,
    Offer,
    Page,
    Tab,
)

MAX_LENGTH: Final = 512
MAX_PASSWORD_LENGTH: Final = 128
MAX_TOKEN_LENGTH: Final = 10_000
MAX_LONG_TEXT: Final = 4000

# --- pages --------------------------------------------------------------------------------------

_TYPED: Final[Mapping[FieldKind, Mapping[str, str]]] = {
    FieldKind.ID_NUMBER: {
        "type": "text",
        "autocomplete": "username",
        "inputmode": "numeric",
        "autocapitalize": "none",
        "spellcheck": "false",
    },
    # Codes of agencies have letters and dots (R63): no keypad.
    FieldKind.ANY_NUMBER: {
        "type": "text",
        "autocomplete": "username",
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
    FieldKind.LONG_TEXT: {"autocomplete": "off", "rows": "6"},
    FieldKind.CHOICE: {"autocomplete": "off"},
    FieldKind.CODE: {
        "type": "text",
        "autocomplete": "one-time-code",
        "inputmode": "numeric",
        "pattern": "[0-9 ]*",
        "autocapitalize": "none",
        "spellcheck": "false",
    },
    FieldKind.ADDRESS: {"type": "text", "autocomplete": "street-address"},
}
"""How each kind is typed, filled in and announced (ux.md, rule 3)."""

_NEW_PASSWORD = {
    "type": "password",
    "autocomplete": "new-password",
    "passwordrules": "minlength: 8; required: lower; required: upper; required: digit; "
    "required: special;",
}


def ask_fields(  # noqa: PLR0913  keywords, each of them optional
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
            asked,
            screen.key,
            _TYPED[asked.kind],
            value=shown.get(asked.name, ""),
            fault=faults.get(asked.name),
        )
        for asked in screen.fields
    )
    context = {
        "key": screen.key,
        "fields": fields,
        "shown": screen.shown,
        "is_consent": screen.is_consent,
        "scan": _picture(screen.scan),
        "captcha": captcha,
        "tabs": tuple(tabs),
    }
    return Page("ask_fields.html", {**_around(frame, faults), **context})


def _picture(text: str) -> str:
    """A QR code as the address of a picture, or nothing."""
    return segno.make(text, error="m").svg_data_uri(scale=5, light="white") if text else ""


def ask_code(
    screen: AskCode | Message,
    frame: Frame,
    *,
    timing: CodeTiming,
    faults: Faults | None = None,
    lost_phone: str = "",
) -> Page:
    """The code screen (R16). ``lost_phone`` is the address of Mất số điện thoại nhận OTP.

    A ``Message`` instead of a screen says where the code went when that is no phone to name.
    """
    alternatives: tuple[Phone, ...] = ()
    others: tuple[Phone, ...] = ()
    sent = screen
    if isinstance(screen, AskCode):
        alternatives = screen.alternatives
        others = tuple(phone for phone in alternatives if phone.number != screen.phone)
        sent = Message("otp.sent", {"phone": screen.phone.masked})
    context = {
        "sent": sent,
        "alternatives": alternatives,
        "others": others,
        "timing": timing,
        "lost_phone": lost_phone,
    }
    return Page("ask_code.html", {**_around(frame, faults or {}), **context})


def set_password(  # noqa: PLR0913  keywords, each of them optional
    frame: Frame,
    *,
    key: str = "register.password",
    username: str = "",
    owner: str = "",
    asks_current: bool = False,
    faults: Faults | None = None,
) -> Page:
    """Choose a password (R19, R69). ``username`` lets a password manager file it.

    ``owner`` is the name in the line Tài khoản; ``asks_current`` asks for the one of now.
    """
    faults = faults or {}
    names: dict[str, Mapping[str, str]] = {
        "password": _NEW_PASSWORD,
        "password_again": _NEW_PASSWORD,
    }
    if asks_current:
        names = {"current_password": _TYPED[FieldKind.PASSWORD], **names}
    fields = tuple(
        _field_view(
            Field(name, FieldKind.PASSWORD), key, attributes, value="", fault=faults.get(name)
        )
        for name, attributes in names.items()
    )
    context = {"key": key, "fields": fields, "username": username, "owner": owner}
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


def offers(methods: Iterable[Method], is_enabled: Callable[[str], bool]) -> tuple[Offer, ...]:
    """The tiles, in the order of ``methods``; a method that is switched off says so (R9, R10)."""
    return tuple(
        Offer(method.name, method.ial, method.registration.subjects, is_enabled(method.name))
        for method in methods
        if method.registration is not None
    )


def ask_signature(
    screen: AskSignature, frame: Frame, tools: Sequence[str], *, faults: Faults | None = None
) -> Page:
    """Let the signing tool sign (R33-R36). The page's script carries question and answer."""
    context = {
        "key": screen.key,
        "nonce": screen.nonce,
        "options": screen.options,
        "tools": tools,
        "codes": PASSKEY_CODES if screen.options else SIGNING_CODES,
    }
    return Page("ask_signature.html", {**_around(frame, faults or {}), **context})


def await_phone(screen: AwaitPhone, frame: Frame, *, faults: Faults | None = None) -> Page:
    """Wait for the phone (R27), with the code that must be the same on both screens."""
    context = {"phone": screen.phone, "code": screen.code}
    return Page("await_phone.html", {**_around(frame, faults or {}), **context})


def plain(template: str, **context: object) -> Page:
    """A page without a form."""
    return Page(template, {"notice": None, "portal": None, "faults": {}, **context})


def _around(frame: Frame, faults: Faults) -> dict[str, object]:
    return {
        "frame": frame,
        "portal": frame.portal,
        "notice": frame.notice,
        "faults": faults,
    }


def _field_view(
    asked: Field, screen: str, attributes: Mapping[str, str], *, value: str, fault: Message | None
) -> FieldView:
    """The texts of the screen win over the texts of the field."""
    special, general = f"{screen}.field.{asked.name}", f"field.{asked.name}"
    return FieldView(
        name=asked.name,
        label=(f"{special}.label", f"{general}.label"),
        hint=(f"{special}.hint", f"{general}.hint"),
        placeholder=(f"{special}.placeholder", f"{general}.placeholder"),
        is_required=asked.required,
        value=value,
        attributes=attributes,
        fault=fault,
        choices=asked.choices,
        is_long=asked.kind is FieldKind.LONG_TEXT,
    )


def faults(invalid: Invalid) -> dict[str, Message]:
    """The messages of fields that cannot be read."""
    return {name: Message(f"error.{code}") for name, code in invalid.errors.items()}


def refusal(reason: str) -> Message:
    """What a person is told when a method says no."""
    return Message(f"refusal.{reason}")


SIGNING_CODES: Final = (
    *("absent", "denied", "driver_missing", "no_token", "no_certificate", "token_removed"),
    *("pin_incorrect", "pin_final_try", "pin_locked", "user_cancelled", "busy"),
    *("origin_not_allowed", "token_error"),
)
"""What the signing tool can answer instead of a token; each has the text ``sign.<code>``."""

PASSKEY_CODES: Final = ("passkey_unknown", "passkey_refused", "passkey_there", "passkey_failed")
"""What a browser can answer instead of a signature of its own key."""


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
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Passwords:
    """Both entries of a new password, as typed."""

    new: str
    again: str
    current: str = ""


def read_action(form: Mapping[str, str]) -> Action:
    """Unknown and absent are the main button: pressing Enter sends no button at all."""
    wanted = form.get("do", "")
    return Action(wanted) if wanted in set(Action) else Action.CONFIRM


def read_fields(screen: AskFields, form: Mapping[str, str]) -> Filled:
    """Only the fields that were asked; passwords as typed, the rest cleaned."""
    special = {FieldKind.PASSWORD: _read_secret, FieldKind.LONG_TEXT: _read_long}
    read = {asked.name: special.get(asked.kind, read_text) for asked in screen.fields}
    return Filled({name: reader(form.get(name, "")) for name, reader in read.items()})


def typed(screen: AskFields, filled: Filled) -> dict[str, str]:
    """What may be shown again and kept with the transaction: everything but secrets."""
    kept = [asked.name for asked in screen.fields if asked.kind not in _SECRETS]
    return {name: filled.values[name] for name in kept if name in filled.values}


_SECRETS = frozenset({FieldKind.PASSWORD, FieldKind.CODE})


def read_passwords(form: Mapping[str, str]) -> Passwords:
    """Both entries of the set-password form."""
    return Passwords(
        _read_secret(form.get("password", "")),
        _read_secret(form.get("password_again", "")),
        _read_secret(form.get("current_password", "")),
    )


def read_code(form: Mapping[str, str]) -> str:
    """The six digits of a typed code, or the empty string (``error.otp.form``)."""
    return otp.clean(form.get("code", "").replace("\u200b", "").strip()) or ""


def read_token(form: Mapping[str, str]) -> str:
    """What the signing tool answered, or the empty string when it is far too long."""
    token = form.get("token", "")
    return token if len(token) <= MAX_TOKEN_LENGTH else ""


def read_text(value: str) -> str:
    """NFC, no control characters, no space around, cut at ``MAX_LENGTH``."""
    normal = unicodedata.normalize("NFC", value[: MAX_LENGTH * 2])
    printable = "".join(sign for sign in normal if unicodedata.category(sign) not in _UNSEEN)
    return printable.strip()[:MAX_LENGTH]


def _read_long(value: str) -> str:
    """Several lines: NFC, without control characters but the ends of lines."""
    normal = unicodedata.normalize("NFC", value[: MAX_LONG_TEXT * 2].replace("\r\n", "\n"))
    kept = (sign for sign in normal if sign == "\n" or unicodedata.category(sign) not in _UNSEEN)
    return "".join(kept).strip()[:MAX_LONG_TEXT]


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
        say=_say,
        static_url=_static_url(Path(app.static_folder or "")),
        here=_here,
        display=display.current,
    )


def _say(message: Message) -> str:
    return markup(message.key, **message.values)


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
