"""A database that is stopped, comes back, or is full of work: 503, and healed in ten seconds."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.faults.conftest import add_portal, somebody
from tests.faults.installation import Installation, running
from tests.faults.killing import connected
from tests.faults.visitor import Visitor
from tests.support import postgres

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]
HEALED = 10.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A cluster of this module's own: it is stopped under everybody who uses it."""
    folder = Path(tempfile.mkdtemp(prefix="idp-faults-"))
    yield folder
    with contextlib.suppress(subprocess.CalledProcessError):
        postgres.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own(cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("own")
    with (
        postgres.database(postgres.server(cluster)) as url,
        running(folder, url) as installation,
    ):
        add_portal(installation)
        yield installation


@pytest.fixture(scope="module")
def citizen(own: Installation) -> Visitor:
    wait_until_all_workers_are_well(own)
    visitor = somebody(own)
    visitor.registers()
    visitor.signs_in()
    return visitor


def answers_after(visitor: Visitor, path: str, status: int) -> float:
    """Seconds until a page has that status."""
    started = time.monotonic()
    while time.monotonic() - started < 30:
        if visitor.client.get(f"{visitor.at.issuer}{path}").status_code == status:
            return time.monotonic() - started
        time.sleep(0.1)
    raise AssertionError(f"{path} never answers {status}")


def test_without_its_database_every_page_and_the_token_endpoint_answer_503(
    own: Installation, citizen: Visitor, cluster: Path
) -> None:
    code = citizen.asks_for_a_code()
    postgres.halt(cluster)
    try:
        started = time.monotonic()
        page = citizen.client.get(f"{own.issuer}/account")
        answer = citizen.post(citizen.redeems(code))
        seconds = time.monotonic() - started
        health = httpx.get(f"{own.management}/health/ready")
    finally:
        postgres.resume(cluster)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "IDP-1503" in page.text
    assert "Hệ thống" in page.text
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert health.status_code == 503
    assert seconds < HEALED
    # A storage error leaves the code usable (performance.md 7).
    assert answers_after(citizen, "/account", 200) < HEALED
    wait_until_all_workers_are_well(own)
    again = citizen.post(citizen.redeems(citizen.asks_for_a_code()))
    assert again.status_code == 200


def wait_until_all_workers_are_well(own: Installation) -> None:
    """No request fails any more, whichever process and whichever pooled connection it gets.

    Each comes over a connection of its own, or one process would answer them all.
    """
    started = time.monotonic()
    well = 0
    while well < 30:
        assert time.monotonic() - started < HEALED
        well = well + 1 if httpx.get(f"{own.issuer}/login").status_code == 303 else 0


def test_a_restart_under_load_heals_in_ten_seconds_without_an_unexpected_error(
    own: Installation, citizen: Visitor, cluster: Path
) -> None:
    stop, seen = time.monotonic() + 12, []

    def load(_: int) -> None:
        with httpx.Client(cookies=citizen.client.cookies, timeout=30) as client:
            while time.monotonic() < stop:
                answer = client.get(f"{own.issuer}/account")
                seen.append((time.monotonic(), answer.status_code))

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(load, number) for number in range(4)]
        time.sleep(1)
        postgres.halt(cluster)
        time.sleep(1)
        postgres.resume(cluster)
        back = time.monotonic()
        for each in running:
            each.result()

    assert {status for _, status in seen} <= {200, 503}
    assert 503 in {status for _, status in seen}
    late = [status for at, status in seen if at > back + HEALED - 4]
    assert late
    assert set(late) == {200}


def test_a_worker_waits_for_its_database_and_delivers_afterwards(
    own: Installation, cluster: Path
) -> None:
    visitor = somebody(own)
    visitor.opens_form()
    postgres.halt(cluster)
    time.sleep(1)
    postgres.resume(cluster)
    answers_after(visitor, "/login", 303)

    visitor.submit(**visitor.fields())

    assert own.code(visitor.phone)
    assert own.processes["worker"].poll() is None
    wait_until_all_workers_are_well(own)


def test_when_every_thread_waits_for_a_lock_it_is_given_up_and_said(
    own: Installation, citizen: Visitor
) -> None:
    """Somebody holds a lock for ever: five seconds, then 503; nobody waits for ever."""
    with connected(own) as holding, ThreadPoolExecutor(8) as pool:
        holding.execute("BEGIN")
        holding.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        found = list(pool.map(lambda _: ask(citizen), range(8)))
        seconds = time.monotonic() - started
        holding.execute("ROLLBACK")

    assert found == [(503, "5")] * 8
    assert seconds < 2 * HEALED
    wait_until_all_workers_are_well(own)


def ask(visitor: Visitor) -> tuple[int, str]:
    with httpx.Client(cookies=visitor.client.cookies, timeout=60) as client:
        answer = client.get(f"{visitor.at.issuer}/account")
        return answer.status_code, answer.headers.get("Retry-After", "")
