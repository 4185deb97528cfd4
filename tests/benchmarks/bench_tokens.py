"""CPU µs, statements and commits of every hot operation, in this process.

    .venv/bin/python -m tests.benchmarks.bench_tokens [--rounds N] [--database URL]

Figures are of one machine at one time: compare within one run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from idp.storage import migrate
from tests.support import house as houses
from tests.support.house import House, add_portal, answer_of


@dataclass
class Measured:
    name: str
    cpu: float
    p50: float
    p99: float
    statements: float
    commits: float


def measure(house: House, name: str, rounds: int, work: Callable[[], object]) -> Measured:
    for _ in range(min(50, rounds)):
        work()
    counted, walls = house.database.counted, []
    before = (counted.statements, counted.commits)
    start = time.process_time()
    for _ in range(rounds):
        wall = time.perf_counter()
        work()
        walls.append((time.perf_counter() - wall) * 1e6)
    cpu = (time.process_time() - start) / rounds * 1e6
    quantiles = statistics.quantiles(walls, n=100)
    spent = ((counted.statements - before[0]) / rounds, (counted.commits - before[1]) / rounds)
    return Measured(name, cpu, quantiles[49], quantiles[98], *spent)


def run(database_url: str, folder: Path, rounds: int) -> list[Measured]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    migrate.upgrade(database_url)
    house = houses.build(database_url, folder)
    portal = add_portal(
        house, grant_types=["authorization_code", "refresh_token", "client_credentials"]
    )
    browser = house.browser()
    browser.registers()
    browser.signs_in_at(portal.request())
    client = house.app.test_client()

    def code() -> str:
        return answer_of(browser.client.get(portal.request()))["code"]

    def exchange() -> dict[str, str]:
        return dict(portal.redeems(code()).get_json())

    tokens = exchange()

    def refresh() -> None:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        tokens.update(portal.token(**form).get_json())

    def userinfo() -> None:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        client.get("/userinfo", headers=headers)

    operations: list[tuple[str, Callable[[], object]]] = [
        ("discovery", lambda: client.get("/.well-known/openid-configuration")),
        ("jwks", lambda: client.get("/jwks")),
        ("client_credentials", lambda: portal.token(grant_type="client_credentials")),
        ("authorize", code),
        ("code = authorize + token", exchange),
        ("userinfo", userinfo),
        ("refresh", refresh),
    ]
    return [measure(house, name, rounds, work) for name, work in operations]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--database", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = given.database or f"sqlite:///{folder / 'bench.sqlite'}"
        print(f"{'operation':<26}{'CPU µs':>9}{'p50 µs':>9}{'p99 µs':>9}{'stmts':>8}{'commits':>9}")
        for found in run(url, folder, given.rounds):
            print(
                f"{found.name:<26}{found.cpu:>9.0f}{found.p50:>9.0f}{found.p99:>9.0f}"
                f"{found.statements:>8.1f}{found.commits:>9.1f}"
            )


if __name__ == "__main__":
    main()
