"""SIGKILL at a chosen moment of a request.

On PostgreSQL the test holds a lock that the statement of its choice runs into: there the process
dies, either before that statement had any effect or just after it. SQLite has one lock for all, so
there the process dies so many milliseconds after the request was sent.
"""

from __future__ import annotations

import enum
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.faults.installation import Installation
from tests.faults.visitor import Prepared, Visitor


class Moment(enum.Enum):
    """When the process dies, seen from the statement that waits for the lock."""

    BEFORE = "before it runs"
    AFTER = "when it has run and nobody was told"


@contextmanager
def connected(installation: Installation) -> Iterator[psycopg.Connection]:
    plain = installation.database_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def kill_at(visitor: Visitor, request: Prepared, table: str, moment: Moment) -> None:
    """Send a request and kill its process at its first write to ``table``."""
    at = visitor.at
    with connected(at) as watching, connected(at) as holding:
        with holding.transaction():
            holding.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE".encode())
            lost = visitor.lose(request)
            process = at.worker_of(lost.port)
            waiting = _waiters(watching, table)
            if moment is Moment.BEFORE:
                os.kill(process, signal.SIGKILL)
                for backend in waiting:
                    watching.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
            else:
                os.kill(process, signal.SIGSTOP)
                _wait_until_stopped(process)
        if moment is Moment.AFTER:
            _wait_until_done(watching, waiting)
            os.kill(process, signal.SIGKILL)
            _wait_until_gone(watching, waiting)
    assert lost.answer() == b"", "the process died too late"


def kill_after(visitor: Visitor, request: Prepared, seconds: float) -> bytes:
    """Send a request and kill its process a little later; answers what it said before."""
    lost = visitor.lose(request)
    process = visitor.at.worker_of(lost.port)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    return lost.answer()


_WAITING = """
    SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE NOT l.granted AND l.relation = %s::regclass AND a.application_name = 'serve'
"""
_ACTIVE = "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s) AND state = 'active'"
_THERE = "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s)"


def _waiters(connection: psycopg.Connection, table: str) -> list[int]:
    """The backends of ours that wait for the lock, once there are some."""
    for _ in range(1000):
        found = [row[0] for row in connection.execute(_WAITING.encode(), (table,))]
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"nothing writes to {table}")


def _wait_until_stopped(process: int) -> None:
    """On a busy machine a thread may run on for a moment after the signal."""
    for _ in range(1000):
        tasks = Path(f"/proc/{process}/task").iterdir()
        states = {(each / "stat").read_text().rpartition(")")[2].split()[0] for each in tasks}
        if states == {"T"}:
            return
        time.sleep(0.01)
    raise AssertionError("the process does not stop")


def _wait_until_done(connection: psycopg.Connection, backends: list[int]) -> None:
    for _ in range(1000):
        if not connection.execute(_ACTIVE.encode(), (backends,)).fetchall():
            return
        time.sleep(0.01)
    raise AssertionError("the statement does not end")


def _wait_until_gone(connection: psycopg.Connection, backends: list[int]) -> None:
    """The server has noticed that its client is dead, and rolled back what was open."""
    for _ in range(1000):
        if not connection.execute(_THERE.encode(), (backends,)).fetchall():
            return
        time.sleep(0.01)
    raise AssertionError("the server does not notice")
