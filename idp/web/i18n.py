"""Texts, dates and the choice of language: Vietnamese first, English complete.

A text has a symbolic id (``login.title``) and stands once in each ``translations/<code>.po``, so
that neither language is the source of the other. The files are read into memory at start; there
is no build step. Placeholders are named (``%(name)s``); a text with plural forms counts by ``n``.

The language of a page is, in this order: what the person chose (cookie), what the portal asked
for (``ui_locales``, OpenID Connect Core 3.1.2.1), what the browser prefers where that is followed,
Vietnamese.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Final

import structlog
from babel.messages import mofile, pofile
from babel.support import Translations
from flask import Flask, Response, abort, current_app, g, redirect, request
from markupsafe import Markup, escape
from werkzeug.datastructures import LanguageAccept
from werkzeug.wrappers import Response as BaseResponse

from idp.web.security import policy, safe_path

LANGUAGE_COOKIE: Final = "idp_lang"
LANGUAGE_COOKIE_AGE: Final = timedelta(days=365)
VIETNAM: Final = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""No daylight saving since 1975, so a fixed offset needs no time-zone data on the machine."""

_TRANSLATIONS = Path(__file__).with_name("translations")
_EXTENSION = "idp.i18n"
_log = structlog.get_logger(__name__)


class Language(enum.StrEnum):
    """A language that every page has."""

    VI = "vi"
    EN = "en"

    @property
    def native_name(self) -> str:
        """The language's name in itself: what its own readers look for."""
        return _NATIVE_NAMES[self]


_NATIVE_NAMES = {Language.VI: "Tiếng Việt", Language.EN: "English"}


class Missing(enum.Enum):
    """What an unknown key does: an exception in tests, a logged key where people are served."""

    RAISE = "raise"
    LOG = "log"


class BrowserLanguage(enum.Enum):
    """Whether Accept-Language counts.

    Most browsers sold in Viet Nam with an English interface belong to people who read Vietnamese,
    and programs that drive a browser send ``en-US`` without meaning it.
    """

    FOLLOW = "follow"
    IGNORE = "ignore"


class MissingText(LookupError):
    """A page asked for a key that no translation has."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every text in one language."""

    language: Language
    translations: Translations
    keys: frozenset[str]
    missing: Missing

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self.keys

    def text(self, key: str, **values: object) -> str:
        """The text with its placeholders filled in."""
        template = self.template(key, values)
        return template % values if values else template

    def template(self, key: str, values: Mapping[str, object]) -> str:
        """The text before its placeholders are filled; ``n`` picks the plural form."""
        if key not in self.keys:
            return self._absent(key)
        count = values.get("n")
        if isinstance(count, int):
            counted = str(self.translations.ngettext(key, key, count))
            if counted != key:
                return counted
        return str(self.translations.gettext(key))

    def first(self, *keys: str) -> str:
        """The first of ``keys`` that has a text: the special case before the general one."""
        return next((key for key in keys if key in self.keys), keys[-1])

    def _absent(self, key: str) -> str:
        if self.missing is Missing.RAISE:
            raise MissingText(key)
        _log.error("i18n.missing", key=key, language=str(self.language))
        return key


Catalogues = Mapping[Language, Catalogue]


@dataclass(frozen=True, slots=True)
class _Settings:
    catalogues: Catalogues
    browsers: BrowserLanguage


def load(missing: Missing, more: Iterable[Mapping[str, Mapping[str, str]]] = ()) -> Catalogues:
    """Read every translation file; ``more`` are texts of installed packages, by language."""
    packages = tuple(more)
    added = {
        language: tuple(item for package in packages for item in package.get(language, {}).items())
        for language in Language
    }
    return {language: _read(language, missing, added[language]) for language in Language}


@cache
def _read(language: Language, missing: Missing, more: tuple[tuple[str, str], ...]) -> Catalogue:
    with (_TRANSLATIONS / f"{language}.po").open("rb") as file:
        messages = pofile.read_po(file, locale=str(language), abort_invalid=True)
    ours = {str(message.id) for message in messages}
    for key, text in more:
        if key not in ours:  # a package adds texts, it does not change ours
            messages.add(key, text)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, messages)
    compiled.seek(0)
    ids = (message.id for message in messages if message.id)
    keys = frozenset(key[0] if isinstance(key, (tuple, list)) else str(key) for key in ids)
    return Catalogue(language, Translations(fp=compiled), keys, missing)


# --- choosing -----------------------------------------------------------------------------------


def choose(*, cookie: str | None, ui_locales: str, accept: LanguageAccept) -> Language:
    """The language of a page; unknown values are passed over, never an error."""
    wanted = (cookie or "", *ui_locales.split(), *accept.values())
    return next((language for tag in wanted if (language := _language(tag))), Language.VI)


def _language(tag: str) -> Language | None:
    """The language of a BCP 47 tag (``vi-VN`` is ``vi``)."""
    primary = tag.partition("-")[0].lower()
    return Language(primary) if primary in set(Language) else None


def current() -> Catalogue:
    """The texts in the language of this request."""
    found: Catalogue | None = g.get("catalogue")
    return found or prefer(request.args.get("ui_locales", ""))


def prefer(ui_locales: str) -> Catalogue:
    """Take the portal's wish into account from here on; the person's own choice still wins."""
    settings: _Settings = current_app.extensions[_EXTENSION]
    is_followed = settings.browsers is BrowserLanguage.FOLLOW
    language = choose(
        cookie=request.cookies.get(LANGUAGE_COOKIE),
        ui_locales=ui_locales,
        accept=request.accept_languages if is_followed else LanguageAccept(),
    )
    g.catalogue = settings.catalogues[language]
    return settings.catalogues[language]


def text(key: str, **values: object) -> str:
    """A text in the language of this request."""
    return current().text(key, **values)


def markup(key: str, **values: object) -> Markup:
    """A text for a template: the text and plain values are escaped, ``Markup`` values are kept."""
    template = escape(current().template(key, values))
    return template % values if values else template


def _first(*keys: str) -> Markup:
    return markup(current().first(*keys))


def _maybe(*keys: str) -> Markup:
    """As ``_first``, but empty when none of the keys has a text."""
    return next((markup(key) for key in keys if current().has(key)), Markup())


# --- dates --------------------------------------------------------------------------------------


def format_date(value: date) -> str:
    """24/11/2026; an instant is shown as the date it is in Vietnam."""
    local = value.astimezone(VIETNAM) if isinstance(value, datetime) else value
    return f"{local:%d/%m/%Y}"


def format_time(value: datetime) -> str:
    """14:05:09 in Vietnam."""
    return f"{value.astimezone(VIETNAM):%H:%M:%S}"


def format_datetime(value: datetime) -> str:
    """14:05 24/11/2026 in Vietnam."""
    return f"{value.astimezone(VIETNAM):%H:%M %d/%m/%Y}"


# --- in the application -------------------------------------------------------------------------


def init_app(app: Flask, catalogues: Catalogues, *, browsers: BrowserLanguage) -> None:
    """Give every template its texts and answer ``/lang/<code>``."""
    app.extensions[_EXTENSION] = _Settings(catalogues, browsers)
    app.jinja_env.globals.update(
        _=markup,
        _first=_first,
        _maybe=_maybe,
        languages=tuple(Language),
        current_language=lambda: current().language,
    )
    app.jinja_env.filters.update(
        date=format_date,
        time=format_time,
        datetime=format_datetime,
        moment=datetime.fromisoformat,
    )
    app.add_url_rule("/lang/<code>", "language", _switch, methods=["GET"])
    app.after_request(_vary)


def _switch(code: str) -> BaseResponse:
    """Remember the choice and go on where the person was."""
    if code not in set(Language):
        abort(404)
    response = redirect(safe_path(request.args.get("next")), 303)
    response.set_cookie(
        LANGUAGE_COOKIE,
        code,
        max_age=LANGUAGE_COOKIE_AGE,
        secure=policy().is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def _vary(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.vary.update(("Accept-Language", "Cookie"))
        response.content_language.add(str(current().language))
    return response
