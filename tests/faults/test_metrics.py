"""What two serving processes and a worker have counted, read at the management port."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.faults.conftest import somebody
from tests.faults.installation import Installation, wait_for

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]
MOST = 200


def read(at: Installation) -> dict[str, float]:
    """Every sample of ``/metrics``."""
    text = httpx.get(f"{at.management}/metrics", timeout=10).text
    samples = re.findall(r"^(\w+(?:{.*})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in samples}


def asks_for_keys(at: Installation, times: int) -> set[int]:
    """On connections of their own, so that both processes answer; answers who did."""
    workers = set()
    for _ in range(times):
        with (
            httpx.Client(trust_env=False) as client,
            client.stream("GET", f"{at.issuer}/jwks") as got,
        ):
            port = got.extensions["network_stream"].get_extra_info("client_addr")[1]
            workers.add(at.worker_of(port))
            assert got.status_code == 200
    return workers


JWKS = 'idp_http_request_seconds_count{endpoint="jwks",status="2xx"}'


def test_both_processes_are_summed_and_a_killed_one_takes_nothing_along(
    on_sqlite: Installation,
) -> None:
    before, asked = read(on_sqlite).get(JWKS, 0), 0
    workers: set[int] = set()
    while len(workers) < 2 and asked < MOST:
        workers |= asks_for_keys(on_sqlite, 5)
        asked += 5

    counted = read(on_sqlite)
    os.kill(workers.pop(), signal.SIGKILL)
    wait_for(f"{on_sqlite.issuer}/login")
    after = read(on_sqlite)

    assert counted[JWKS] == before + asked
    assert counted['idp_processes{role="serve"}'] == 2
    assert counted['idp_processes{role="worker"}'] == 1
    assert after[JWKS] == counted[JWKS]


def test_a_journey_is_seen_with_the_message_that_the_worker_delivered(
    on_sqlite: Installation,
) -> None:
    before = read(on_sqlite)
    visitor = somebody(on_sqlite)
    visitor.registers()
    visitor.signs_in()

    after = read(on_sqlite)
    for name, more in (
        ('idp_registrations_total{method="mobile",outcome="opened"}', 1),
        ('idp_sign_ins_total{level="ial2",method="password_otp",outcome="succeeded"}', 1),
        ('idp_codes_total{outcome="right",purpose="login"}', 1),
        ('idp_outside_seconds_count{outcome="answered",system="carrier"}', 1),
    ):
        assert after[name] - before.get(name, 0) == more, name
    delivered = 'idp_messages_total{kind="sms",outcome="delivered"}'
    assert after[delivered] - before.get(delivered, 0) >= 2
    assert not [name for name in after if visitor.number in name or visitor.phone in name]


def test_the_files_of_the_counters_have_no_personal_data(on_sqlite: Installation) -> None:
    visitor = somebody(on_sqlite)
    visitor.registers()

    files = [path.read_bytes() for path in Path(on_sqlite.data / "metrics").iterdir()]

    assert len(files) >= 3
    for planted in (visitor.number, visitor.phone, str(visitor.person["full_name"])):
        assert not [data for data in files if planted.encode() in data]
