"""kill -9 of the outbox worker: what it had claimed is delivered once its lease is over, once."""

from __future__ import annotations

import time

import pytest

from tests.faults.conftest import somebody
from tests.faults.installation import Installation
from tests.faults.killing import connected

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]

_CLAIMED = "SELECT count(*) FROM outbox WHERE done_at IS NULL AND locked_until IS NOT NULL"


def wait_until(at: Installation, query: str, expected: int) -> None:
    for _ in range(400):
        if at.count(query) == expected:
            return
        time.sleep(0.05)
    raise AssertionError(f"{query}: {at.count(query)}")


def test_a_message_that_a_dead_worker_had_claimed_is_delivered_once(
    on_postgres: Installation,
) -> None:
    visitor = somebody(on_postgres)
    with on_postgres.fault("sms", "slow"):
        visitor.opens_form()
        visitor.submit(**visitor.fields())
        wait_until(on_postgres, _CLAIMED, 1)
        on_postgres.kill("worker")
    assert on_postgres.count(_CLAIMED) == 1

    on_postgres.start_part("worker")
    # The lease of the dead one is respected: nobody delivers before it is over.
    time.sleep(3)
    assert on_postgres.count(_CLAIMED) == 1
    with connected(on_postgres) as connection:
        connection.execute("UPDATE outbox SET locked_until = 0 WHERE done_at IS NULL")
    code = on_postgres.code(visitor.phone)

    # The slow gateway finishes what the dead worker had asked of it: known by its key.
    time.sleep(8)
    assert len(on_postgres.messages(visitor.phone)) == 1
    visitor.submit(code=code)
    assert 'name="password_again"' in visitor.text
