"""What leaves the house as text: messages, letters, notices, from the translations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from idp.domain.shown import has_link
from idp.flows.notices import Wording
from idp.web.i18n import Catalogues, Language, format_datetime


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of codes and notices."""

    catalogues: Catalogues

    def sms(self, purpose: str, code: str, minutes: int, portal: str) -> str:
        """A code; in Vietnamese whatever language the page has: phones are shared."""
        texts = self.catalogues[Language.VI]
        # An unnamed portal of a federation is called by its address: no link goes into a message.
        named = portal if portal and not has_link(portal) else texts.text("site.name")
        return texts.text(f"sms.otp.{purpose}", code=code, minutes=minutes, portal=named)

    def letter(self, purpose: str, code: str, minutes: int) -> tuple[str, str]:
        """A code by letter, in both languages: a new mailbox's owner has chosen none yet."""
        both = [self.catalogues[language] for language in Language]
        key = f"mail.code.{purpose}"
        texts = [each.text(key, code=code, minutes=minutes) for each in both]
        return both[0].text(f"{key}.subject"), "\n\n".join(texts)

    def notice(self, language: str, event: str, at: datetime, values: Mapping[str, str]) -> Wording:
        """What happened, when, and what to do when it was somebody else."""
        known = Language(language) if language in set(Language) else Language.VI
        texts = self.catalogues[known]
        what = texts.text(f"told.{event}", **self._named(known, values))
        around = {**values, "what": what, "at": format_datetime(at)}
        return Wording(
            texts.text("told.short", **around),
            texts.text("told.subject", **around),
            texts.text("told.letter", **around),
        )

    def _named(self, language: Language, values: Mapping[str, str]) -> dict[str, str]:
        """A method by its name in that language."""
        texts, named = self.catalogues[language], dict(values)
        if "method" in named:
            named["method"] = texts.text(f"method.{named['method']}")
        return named
