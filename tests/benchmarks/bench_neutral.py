"""Whether the time of an answer tells if a number has an account (security rule 6).

    .venv/bin/python -m tests.benchmarks.bench_neutral [--rounds N] [--database URL] [--only WORD]

Requests about somebody and about nobody take turns, in this process, with hashes as in production.
A gap of the medians of 5 % or more that is also significant (Mann-Whitney) ends with status 1.
Figures are of one machine at one time; what is counted is tested in tests/journeys/test_neutral.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from idp.domain.passwords import PasswordHasher
from idp.storage import migrate
from tests.support import house as houses
from tests.support.house import PERSON, Browser, House

STRANGER = "079199000001"
WRONG = "Sai-Mật-Khẩu-9"
MOST, SURE = 0.05, 0.01
UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Compared:
    name: str
    somebody: float
    nobody: float
    chance: float

    @property
    def gap(self) -> float:
        return abs(self.somebody - self.nobody) / self.somebody

    @property
    def tells(self) -> bool:
        return self.gap >= MOST and self.chance < SURE


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """How likely such a difference of ranks is by chance (two-sided, normal approximation)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    expected, spread = n * (n + m + 1) / 2, (n * m * (n + m + 1) / 12) ** 0.5
    return 2 * (1 - statistics.NormalDist().cdf(abs(ranks - expected) / spread))


def compare(name: str, rounds: int, prepare: Callable[[str], Callable[[], object]]) -> Compared:
    """``prepare`` readies a request about a number; only the request itself is timed."""
    times: dict[str, list[float]] = {PERSON["username"]: [], STRANGER: []}
    for turn in range(rounds + 10):
        order = list(times) if turn % 2 else list(reversed(times))
        for number in order:
            act = prepare(number)
            start = time.perf_counter()
            act()
            spent = (time.perf_counter() - start) * 1e3
            if turn >= 10:  # the first ones warm caches
                times[number].append(spent)
    known, unknown = times.values()
    chance = mann_whitney(known, unknown)
    return Compared(name, statistics.median(known), statistics.median(unknown), chance)


def login(house: House, tab: str) -> Callable[[str], Callable[[], object]]:
    def prepare(number: str) -> Callable[[], object]:
        house.clock.forward(minutes=2)  # past the pause after a wrong one
        browser = house.browser()
        browser.get("/login")
        browser.get(f"{browser.path}?method={tab}")
        form = {"username": number, "password": WRONG, "code": "123456"}
        browser.post(form)  # the first try after a failure only brings the picture
        house.clock.forward(minutes=2)
        return once(browser, {**form, "captcha": "12345"})

    return prepare


def once(browser: Browser, form: dict[str, str]) -> Callable[[], object]:
    """One post, without following it."""
    data, path = {"csrf": browser._csrf(), **form}, browser.path
    return lambda: browser.client.post(path, data=data)


def forgot(house: House, form: dict[str, str] | None) -> Callable[[str], Callable[[], object]]:
    def prepare(number: str) -> Callable[[], object]:
        browser = house.browser()
        browser.get("/forgot")
        first = {"username": number, "captcha": "12345"}
        if form is None:
            return once(browser, first)
        browser.post(first)
        house.clock.forward(minutes=2)
        return once(browser, form)

    return prepare


def freezes(
    house: House, way: str, first: dict[str, str], form: dict[str, str] | None = None
) -> Callable[[str], Callable[[], object]]:
    """The page for who lost the phone: its form, or what follows it."""

    def prepare(number: str) -> Callable[[], object]:
        house.clock.forward(minutes=2)
        browser = house.browser()
        browser.get(f"/freeze?way={way}")
        typed = {"username": number, "captcha": "12345", **first}
        if form is None:
            return once(browser, typed)
        browser.post(typed)
        house.clock.forward(minutes=2)
        return once(browser, form)

    return prepare


def run(database_url: str, folder: Path, rounds: int, only: str) -> list[Compared]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    migrate.upgrade(database_url)
    house = houses.build(database_url, folder)
    hasher = house.app.extensions["idp.house"].account.hasher
    vars(hasher).update(vars(PasswordHasher(b"p" * 32)))
    house.settings_limits(wrong_passwords=UNLIMITED, wrong_passwords_in_a_row=UNLIMITED)
    house.settings_otp(
        per_hour=UNLIMITED,
        per_day=UNLIMITED,
        per_ip_hour=UNLIMITED,
        site_per_minute=UNLIMITED,
        wrong_per_day=UNLIMITED,
    )
    house.browser().registers()
    asked = {
        "sign-in, wrong password": login(house, "password_otp"),
        "sign-in by app, wrong": login(house, "totp"),
        "forgotten password": forgot(house, None),
        "forgotten: wrong code": forgot(house, {"code": "000000"}),
        "forgotten: resend": forgot(house, {"do": "resend"}),
        "freeze, wrong password": freezes(house, "password", {"password": WRONG}),
        "freeze by a channel": freezes(house, "channel", {"channel": PERSON["phone"]}),
        "freeze: another channel": freezes(house, "channel", {"channel": "0987654321"}),
        "freeze: wrong code": freezes(
            house, "channel", {"channel": PERSON["phone"]}, {"code": "000000"}
        ),
        "freeze: resend": freezes(house, "channel", {"channel": PERSON["phone"]}, {"do": "resend"}),
    }
    return [compare(name, rounds, ask) for name, ask in asked.items() if only in name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--database", default="")
    parser.add_argument("--only", default="", help="those whose name has this word")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        url = options.database or f"sqlite:///{folder}/idp.sqlite"
        found = run(url, folder, options.rounds, options.only)
    print(f"{'':26}{'somebody ms':>12}{'nobody ms':>12}{'gap':>8}{'p':>9}")
    for each in found:
        row = f"{each.name:26}{each.somebody:12.2f}{each.nobody:12.2f}{each.gap:8.1%}"
        print(f"{row}{each.chance:9.3f}{'  TELLS' if each.tells else ''}")
    sys.exit(any(each.tells for each in found))


if __name__ == "__main__":
    main()
