"""A test suite that any method can run against itself; ours do.

In a package that plugs in by the entry point ``idp.authenticators``::

    from idp.conformance import MethodConformance

    class TestOurs(MethodConformance):
        method = build(ports)

pytest collects the tests from the subclass. They hold a method to what every flow relies on:
screens and state can be kept, every text is there in both languages, nothing that a person can
type or a script can send raises anything but ``PortError``, and no reply is taken for another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from idp.authenticators.contract import (
    AskFields,
    CodeConfirmed,
    Filled,
    Invalid,
    Method,
    Poll,
    Proofed,
    Refused,
    Reply,
    Screen,
    Signed,
    Verified,
)
from idp.domain.assurance import IAL
from idp.domain.errors import PortError
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.web import i18n
from idp.web.i18n import Catalogue, Missing

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOSTILE = (
    "",
    " ",
    "\0",
    "x" * 512,
    "<script>alert(1)</script>",
    "'; DROP TABLE accounts;--",
    "\u202e\u0000",
    "１２３４５６７８９",
    "٠١٢٣٤٥٦٧٨",
    "%s%n%(x)s",
    "🙂",
    "../../etc/passwd",
    "-1",
    "999999999999999999999999",
)
_REPLIES: tuple[Reply, ...] = (
    CodeConfirmed(PhoneNumber("+84912345678")),
    Signed(""),
    Signed('{"format":"web-eid:1"}'),
    Poll(),
)
_keep = msgspec.msgpack.Encoder().encode
_open = msgspec.msgpack.Decoder(Screen).decode


class MethodConformance:
    """What a method must do; subclass it and set ``method``."""

    method: ClassVar[Method]

    # --- what it says about itself --------------------------------------------------------------

    def test_name_is_an_identifier_in_lower_case(self) -> None:
        """It is a settings block, a part of addresses and a prefix of texts."""
        name = self.method.name
        assert name.isidentifier()
        assert name == name.lower()

    def test_it_has_a_part_and_a_level(self) -> None:
        """A method that does nothing, or proves nothing, is none."""
        assert self.method.login or self.method.registration
        assert self.method.ial in {IAL.MEDIUM, IAL.HIGH}

    def test_every_text_is_there_in_both_languages(self) -> None:
        """Titles, buttons, labels of every field, name of tile and tab."""
        for catalogue in self._catalogues():
            missing = [key for key in self._keys(catalogue) if not catalogue.has(key)]
            assert missing == [], f"{catalogue.language}: {missing}"

    # --- registration ---------------------------------------------------------------------------

    def test_registration_starts_with_a_screen_that_can_be_kept(self) -> None:
        """Screen and state survive the database; state is text only."""
        if self.method.registration is None:
            return
        assert self.method.registration.subjects
        for subject in self.method.registration.subjects:
            started = self.method.registration.start(subject)
            assert _open(_keep(started.screen)) == started.screen
            assert all(isinstance(v, str) for pair in started.state.items() for v in pair)

    def test_registration_reads_hostile_forms_without_raising(self) -> None:
        """Every field, every hostile value; faults have texts."""
        for filled, state in self._registration_forms():
            registration = self.method.registration
            assert registration
            registration.disturbs(filled)
            self._check(registration.validate(state, filled, now=NOW))
            try:
                outcome = registration.resume(state, filled, now=NOW)
            except PortError:
                continue
            assert not isinstance(outcome, Proofed), "a hostile form proves nothing"
            self._check(outcome)

    def test_registration_takes_no_reply_for_another(self) -> None:
        """A reply that was not asked for proves nothing."""
        if self.method.registration is None:
            return
        for subject in self.method.registration.subjects:
            state = self.method.registration.start(subject).state
            for reply in _REPLIES[1:]:
                try:
                    outcome = self.method.registration.resume(state, reply, now=NOW)
                except (PortError, KeyError):
                    continue
                assert not isinstance(outcome, Proofed)

    # --- signing in -----------------------------------------------------------------------------

    def test_login_reads_hostile_forms_without_raising(self) -> None:
        """Every field, every hostile value."""
        login = self.method.login
        if login is None:
            return
        for filled in _forms(login.start()):
            self._check(login.identify(filled))
            login.disturbs(filled)

    def test_login_of_nobody_verifies_nobody(self) -> None:
        """Without an account no reply signs in."""
        login = self.method.login
        if login is None:
            return
        for reply in _REPLIES:
            try:
                outcome = login.resume(None, {}, reply, now=NOW)
            except (PortError, KeyError):
                continue
            assert not isinstance(outcome, Verified)

    # --- means ----------------------------------------------------------------------------------

    def _catalogues(self) -> tuple[Catalogue, ...]:
        return tuple(i18n.load(Missing.RAISE, [self.method.texts]).values())

    def _check(self, outcome: object) -> None:
        """Faults and refusals have texts."""
        keys: list[str] = []
        if isinstance(outcome, Invalid):
            keys = [f"error.{code}" for code in outcome.errors.values()]
        if isinstance(outcome, Refused):
            keys = [f"refusal.{outcome.reason}"]
        for catalogue in self._catalogues():
            assert [key for key in keys if not catalogue.has(key)] == []

    def _registration_forms(self) -> Iterator[tuple[Filled, Mapping[str, str]]]:
        if self.method.registration is None:
            return
        for subject in self.method.registration.subjects:
            started = self.method.registration.start(subject)
            if isinstance(started.screen, AskFields) and started.screen.fields:
                yield from ((filled, started.state) for filled in _forms(started.screen))

    def _keys(self, catalogue: Catalogue) -> Iterator[str]:
        yield f"method.{self.method.name}"
        if self.method.login is not None:
            yield f"login.tab.{self.method.name}"
            yield from _form_keys(self.method.login.start(), catalogue)
        if self.method.registration is not None:
            for subject in self.method.registration.subjects:
                screen = self.method.registration.start(subject).screen
                if isinstance(screen, AskFields):
                    yield from _form_keys(screen, catalogue)


def _form_keys(form: AskFields, catalogue: Catalogue) -> Iterator[str]:
    yield f"{form.key}.title"
    yield f"{form.key}.submit"
    for asked in form.fields:
        keys = (f"{form.key}.field.{asked.name}.label", f"field.{asked.name}.label")
        yield catalogue.first(*keys)


def _forms(form: AskFields) -> Iterator[Filled]:
    """Every hostile value in every field at once, then in one field after the other."""
    plain = {asked.name: IdNumber.parse("001072000136").value for asked in form.fields}
    yield Filled({})
    for value in HOSTILE:
        yield Filled(dict.fromkeys(plain, value))
        for name in plain:
            yield Filled({**plain, name: value})
