"""Every limit on guessing, in one place; each is counted before the work it guards.

A stranger's tries at a password count for the stranger's network; a browser that signed in to the
account before has a counter of its own, so nobody can lock a person out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

from idp import config
from idp.domain.errors import PortError, PortUnreached
from idp.domain.subjects import IdNumber, PhoneNumber
from idp.flows.answers import Said, Visitor
from idp.storage.throttle import Limit, ThrottleStore

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_A_MONTH = timedelta(days=30)
_KNOWN_FOR = timedelta(days=180)
_FREE_FAILURES = 3
_LONGEST_PAUSE = 64
_LONG_WAIT = 2 * 3600


def network(ip: str) -> str:
    """The network a limit counts for: an IPv6 customer owns a /64."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    return str(ip_network(f"{ip}/64", strict=False)) if address.version == 6 else ip  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Limits:
    """The counters of sign-in and registration."""

    throttle: ThrottleStore
    settings: config.Config

    # --- passwords ------------------------------------------------------------------------------

    def before_password(self, number: IdNumber, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a try at a password; answers what to tell when it may not be made."""
        if self.throttle.peek(_KNOWN, _device(number, visitor), now=now).count:
            return self._first(((self._password, _device(number, visitor)),), now=now)
        pause = self.throttle.peek(_PAUSE, _place(number, visitor), now=now)
        if pause.count:
            return _too_many(pause.seconds)
        counters = ((self._password, _place(number, visitor)), (self._in_a_row, number.value))
        return self._first(counters, now=now)

    def has_failed(self, number: IdNumber, visitor: Visitor, *, now: datetime) -> bool:
        """Whether a password was wrong lately: then a captcha is asked first (S14).

        So it is where many were wrong for whomever: one password tried on many numbers never fails
        twice at the same one. Nobody is locked out by it, however many share the network.
        """
        if self.throttle.peek(self._password, _place(number, visitor), now=now).count:
            return True
        tried = self.throttle.peek(self._spraying, network(visitor.ip), now=now)
        return tried.count >= tried.limit

    def after_wrong_password(self, number: IdNumber, visitor: Visitor, *, now: datetime) -> None:
        """Make the next try wait, longer each time."""
        self.throttle.hit(self._spraying, network(visitor.ip), now=now)
        place = _place(number, visitor)
        failures = self.throttle.peek(self._password, place, now=now).count
        if failures >= _FREE_FAILURES:
            seconds = min(_LONGEST_PAUSE, 2 ** (failures - _FREE_FAILURES))
            pause = Limit(_PAUSE.name, 1, timedelta(seconds=seconds))
            self.throttle.hit(pause, place, now=now)

    def after_login(self, number: IdNumber, visitor: Visitor, *, now: datetime) -> None:
        """Start from nothing, and know this browser from now on."""
        for limit, subject in (
            (self._password, _place(number, visitor)),
            (self._password, _device(number, visitor)),
            (self._in_a_row, number.value),
        ):
            self.throttle.forget(limit, subject)
        self.throttle.hit(_KNOWN, _device(number, visitor), now=now)

    @property
    def _password(self) -> Limit:
        limits = self.settings.limits
        window = timedelta(seconds=limits.wrong_passwords_window)
        return Limit("password", limits.wrong_passwords, window)

    @property
    def _spraying(self) -> Limit:
        limits = self.settings.limits
        window = timedelta(seconds=limits.wrong_passwords_window)
        return Limit("password network", limits.wrong_passwords_network, window)

    @property
    def _in_a_row(self) -> Limit:
        return Limit("password row", self.settings.limits.wrong_passwords_in_a_row, _A_MONTH)

    def before_own_password(self, account_id: UUID, *, now: datetime) -> Said | None:
        """Count a try at the current password by somebody who is signed in."""
        return self._first(((self._password, f"own {account_id.hex}"),), now=now)

    def before_change(self, account_id: UUID, *, now: datetime) -> bool:
        """Count what an owner changes: each is told on every channel, and messages cost."""
        limit = Limit("changes", self.settings.limits.changes_per_hour, _HOUR)
        return self._first(((limit, account_id.hex),), now=now) is None

    def before_sound(self, transaction_id: UUID, visitor: Visitor, *, now: datetime) -> bool:
        """Count a captcha that is spoken: much work for whoever asks, without an account."""
        limits = self.settings.limits
        counters = (
            (Limit("sound", limits.sounds_per_journey, timedelta(minutes=10)), transaction_id.hex),
            (Limit("sound ip", limits.sounds_per_ip_hour, _HOUR), network(visitor.ip)),
        )
        return self._first(counters, now=now) is None

    def before_recovery(self, number: str, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a forgotten password; the same for numbers that have no account."""
        counters = (
            (Limit("recovery ip", self.settings.otp.per_ip_hour, _HOUR), network(visitor.ip)),
            (Limit("recovery", self.settings.otp.per_hour, _HOUR), number),
        )
        return self._first(counters, now=now)

    def before_freeze(self, number: IdNumber, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a wish to freeze, apart from recoveries: who spoils those does not stop this one.

        The network pays first, so one network does not use up the tries of a number.
        """
        otp = self.settings.otp
        counters = (
            (Limit("freeze place", otp.per_hour, _HOUR), _place(number, visitor)),
            (Limit("freeze ip", otp.per_ip_hour, _HOUR), network(visitor.ip)),
            (Limit("freeze", otp.per_ip_hour, _HOUR), number.value),
        )
        return self._first(counters, now=now)

    # --- identity checks ------------------------------------------------------------------------

    def before_identity_check(self, number: str, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a question to a registry about one id number, over all methods."""
        limits = self.settings.limits
        per_network = Limit("registration ip", limits.registrations_per_ip_hour, _HOUR)
        counted = self.throttle.hit(per_network, network(visitor.ip), now=now)
        if counted.is_over:
            return _too_many(counted.seconds)
        if self.throttle.hit(self._identity, number, now=now).is_over:
            return Said("notice.identity_limit")
        return None

    def after_no_answer(self, number: str, *, now: datetime) -> None:
        """The registry was down, so nothing was checked; the network has paid all the same."""
        self.throttle.take_back(self._identity, number, now=now)

    @property
    def _identity(self) -> Limit:
        return Limit("identity", self.settings.limits.identity_tries_per_day, _DAY)

    def before_look_up(self, operator: UUID, count: int, *, now: datetime) -> Said | None:
        """Count a person that an operator looks up."""
        return self._first(((Limit("look up", count, _HOUR), operator.hex),), now=now)

    def before_step(self, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a step that names nobody yet, such as asking for a signature."""
        per_network = Limit("step ip", self.settings.limits.signatures_per_ip_hour, _HOUR)
        return self._first(((per_network, network(visitor.ip)),), now=now)

    def before_prompt(self, phone: PhoneNumber, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a prompt on somebody's phone (pki.md 5.3); one may be open at a time.

        A stranger may type any number: the network pays for each, whoever's phone it is, and a
        phone has its rest for the day after some, whoever asks.
        """
        refusal = self.before_step(visitor, now=now)
        if refusal:
            return refusal
        refusal = self._first(((self._prompt_place, network(visitor.ip)),), now=now)
        if refusal:
            return refusal
        counted = self.throttle.hit(self._prompt_open, phone.e164, now=now)
        if counted.is_over:
            return _wait("prompt_open", counted.seconds)
        for limit in self._prompts("prompt day"):
            counted = self.throttle.hit(limit, phone.e164, now=now)
            if counted.is_over:
                return _wait("prompt_limit", counted.seconds)
        return None

    def before_remote_prompt(self, phone: PhoneNumber, *, now: datetime) -> bool:
        """Count a prompt that a portal asked for, as every other one on that phone.

        Those of a day are counted apart: no portal may use up the prompts of its owner's sign-ins.
        """
        limits = (self._prompt_open, *self._prompts("prompt asked day"))
        return self._first(((limit, phone.e164) for limit in limits), now=now) is None

    def after_no_prompt(
        self, phone: PhoneNumber, visitor: Visitor | None, error: PortError, *, now: datetime
    ) -> None:
        """The platform failed: the prompt counted at ``now`` did not ring (no visitor: a portal's).

        Where the question may have got through all the same, it is given back no more often than
        a phone may ring: a platform that answers nothing is no way around the limit.
        """
        limits = self._prompts("prompt day" if visitor else "prompt asked day")
        if isinstance(error, PortUnreached):
            if visitor:
                self.throttle.take_back(self._prompt_place, network(visitor.ip), now=now)
        else:
            doubts = (replace(limit, name=f"{limit.name} doubt") for limit in limits)
            if self._first(((limit, phone.e164) for limit in doubts), now=now):
                return
        for limit in limits:
            self.throttle.take_back(limit, phone.e164, now=now)

    @property
    def _prompt_place(self) -> Limit:
        return Limit("prompt ip", self.settings.limits.prompts_per_ip_hour, _HOUR)

    @property
    def _prompt_open(self) -> Limit:
        return Limit("prompt open", 1, timedelta(seconds=self.settings.limits.prompt_seconds))

    def _prompts(self, day: str) -> tuple[Limit, Limit]:
        limits = self.settings.limits
        return (
            Limit("prompt", limits.prompts_per_phone, timedelta(minutes=10)),
            Limit(day, limits.prompts_per_phone_day, _DAY),
        )

    def before_asked_notice(self, account_id: UUID, *, now: datetime) -> bool:
        """Count a message that a portal waits for an answer, however it named the person."""
        limits = self.settings.limits
        ten, day = limits.requests_per_person, limits.prompts_per_phone_day
        counters = (
            (Limit("asked notice", ten, timedelta(minutes=10)), account_id.hex),
            (Limit("asked notice day", day, _DAY), account_id.hex),
        )
        return self._first(counters, now=now) is None

    def before_hint(self, hint: str, client_id: str, *, now: datetime) -> bool:
        """Count a portal's wish to ask somebody, whether or not there is such a person."""
        limits = self.settings.limits
        counters = (
            (Limit("hint", limits.requests_per_person, timedelta(minutes=10)), hint),
            (Limit("hints", limits.requests_per_portal, timedelta(minutes=1)), client_id),
        )
        return self._first(counters, now=now) is None

    def before_device(self, ip: str, *, now: datetime) -> bool:
        """Count a device that begins: its client is public, so anybody may say to be one."""
        most = Limit("devices", self.settings.limits.requests_per_portal, timedelta(minutes=1))
        return self._first(((most, network(ip)),), now=now) is None

    def before_user_code(self, visitor: Visitor, *, now: datetime) -> Said | None:
        """Count a try at a device's code, for the browser, its network and the whole site.

        Right ones count as well (RFC 8628, 5.1): whoever guesses could enter codes of their own.
        """
        limits, window = self.settings.limits, timedelta(minutes=15)
        counters = (
            (Limit("user code", limits.user_codes, window), visitor.browser_hash.hex()),
            (Limit("user code ip", 10 * limits.user_codes, window), network(visitor.ip)),
            (Limit("user code site", limits.user_codes_site, timedelta(minutes=1)), ""),
        )
        return self._first(counters, now=now)

    def after_prompt(self, phone: PhoneNumber) -> None:
        """The phone has answered: another prompt may open."""
        self.throttle.forget(self._prompt_open, phone.e164)

    def may_poll(self, transaction_id: UUID, *, now: datetime) -> bool:
        """Whether this journey may ask the outside again; an eager page waits."""
        limit = Limit("poll", 1, timedelta(seconds=1))
        return not self.throttle.hit(limit, transaction_id.hex, now=now).is_over

    # --- codes ----------------------------------------------------------------------------------

    def before_message(
        self, to: str, purpose: str, visitor: Visitor, *, now: datetime
    ) -> Said | None:
        """Count a code to a phone or mailbox; the site's own budget is the breaker (pumping)."""
        for limit, subject, told in self._messages(to, purpose, visitor):
            counted = self.throttle.hit(limit, subject, now=now)
            if counted.is_over:
                return _wait(told, counted.seconds)
        return None

    def after_unsent(self, to: str, purpose: str, visitor: Visitor, *, now: datetime) -> None:
        """Another request sent the code, so this one sent none."""
        for limit, subject, _ in self._messages(to, purpose, visitor):
            self.throttle.take_back(limit, subject, now=now)

    def _messages(
        self, to: str, purpose: str, visitor: Visitor
    ) -> tuple[tuple[Limit, str, str], ...]:
        """What a message counts for; those that anybody may ask for leave some to the owner."""
        otp = self.settings.otp
        anybody = (
            (Limit("sms anybody hour", _part(otp.per_hour), _HOUR), to, "sms_limit"),
            (Limit("sms anybody day", _part(otp.per_day), _DAY), to, "sms_limit"),
        )
        return (
            (Limit("sms ip", otp.per_ip_hour, _HOUR), network(visitor.ip), "sms_network"),
            *(() if purpose in _OF_THE_OWNER else anybody),
            (Limit("sms hour", otp.per_hour, _HOUR), to, "sms_limit"),
            (Limit("sms day", otp.per_day, _DAY), to, "sms_limit"),
            (Limit("sms site", otp.site_per_minute, timedelta(minutes=1)), "", "sms_site"),
        )

    def before_no_message(
        self, number: str, purpose: str, visitor: Visitor, *, now: datetime
    ) -> None:
        """Do the work of ``before_message`` where there is nobody to write to.

        The network pays as for a message; the site's budget is not touched by what costs nothing.
        """
        for limit, subject, _ in self._messages(f"nobody {number}", purpose, visitor):
            self.throttle.hit(limit, subject or "nobody", now=now)

    def before_code(self, owner: str, *, now: datetime) -> Said | None:
        """Count a try at a code, over all channels; a right one starts from nothing."""
        return self._first(((self._codes, owner),), now=now)

    def before_reset_code(self, number: str, *, now: datetime) -> Said | None:
        """Count a try at a reset's code, for numbers that have no account as well.

        Anybody may begin a reset: their guesses are fewer than those of the day, or they would
        keep the owner, who has the password as well, from signing in.
        """
        return self._first(((self._reset_codes, number),), now=now)

    def after_right_reset_code(self, number: str) -> None:
        """Start from nothing."""
        self.throttle.forget(self._reset_codes, number)

    @property
    def _reset_codes(self) -> Limit:
        return Limit("reset codes", _part(self.settings.otp.wrong_per_day, fifths=2), _DAY)

    def after_right_code(self, owner: str) -> None:
        """Start from nothing."""
        self.throttle.forget(self._codes, owner)

    @property
    def _codes(self) -> Limit:
        return Limit("codes", self.settings.otp.wrong_per_day, _DAY)

    def _first(self, counters: Iterable[tuple[Limit, str]], *, now: datetime) -> Said | None:
        for limit, subject in counters:
            counted = self.throttle.hit(limit, subject, now=now)
            if counted.is_over:
                return _too_many(counted.seconds)
        return None


_OF_THE_OWNER = frozenset({"login", "approval", "register"})
"""Purposes of codes that follow a right password, or a match at the carrier."""


def _part(count: int, *, fifths: int = 3) -> int:
    """What strangers may use up of a limit that they share with the owner."""
    return max(1, count * fifths // 5)


_KNOWN = Limit("known device", 1_000_000, _KNOWN_FOR)
_PAUSE = Limit("password pause", 1, timedelta(seconds=1))


def _too_many(seconds: int) -> Said:
    return _wait("too_many", seconds)


def _wait(told: str, seconds: int) -> Said:
    """How long to wait, in hours where nobody would count the minutes."""
    if seconds > _LONG_WAIT:
        return Said(f"notice.{told}_hours", {"n": -(-seconds // 3600)})
    return Said(f"notice.{told}", {"n": max(1, -(-seconds // 60))})


def _place(number: IdNumber, visitor: Visitor) -> str:
    return f"{number.value} {network(visitor.ip)}"


def _device(number: IdNumber, visitor: Visitor) -> str:
    return f"{number.value} {visitor.browser_hash.hex()}"
