"""Single statements: the same answers on both databases, and a server that goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from idp.domain.errors import StorageUnavailable
from idp.storage.database import Database
from idp.storage.prepared import OnPostgres, Statement
from tests.support import postgres

_ID = UUID("018f3c1e-7b2a-7c4d-8e9f-0123456789ab")
_BACKENDS = Statement("SELECT pg_backend_pid()")


@pytest.fixture
def server(run_dir: Path) -> Iterator[str]:
    with postgres.database(postgres.server(run_dir)) as url:
        yield url


@pytest.fixture
def remote(server: str) -> Iterator[Database]:
    opened = Database(server, pool_size=4)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "value", ['Hoà\'s "quote" $1 %s :id', "", "a\nb", "𝄞", "x" * 100_000], ids=len
)
def test_a_value_is_never_part_of_the_statement(database: Database, value: str) -> None:
    asked = Statement("SELECT CAST(:value AS TEXT), LENGTH(:value), CAST(:value AS TEXT)")
    assert database.one(asked, {"value": value}) == [(value, len(value), value)]


def test_values_of_every_size_and_none_are_taken(database: Database) -> None:
    asked = Statement("SELECT CAST(:number AS BIGINT), CAST(:text AS TEXT)")
    for number in (0, 1, -1, 2**15, 2**31, 2**62, None, 3):
        for text in ("a", None):
            assert database.one(asked, {"number": number, "text": text}) == [(number, text)]


def test_an_id_is_found_as_the_models_write_it(database: Database) -> None:
    columns = "client_id, metadata_json, source, updated_at"
    added = Statement(f"INSERT INTO clients ({columns}) VALUES (:id, '{{}}', :source, :now)")
    database.one(added, {"id": _ID.hex, "source": "file", "now": 1})
    found = Statement("SELECT client_id, updated_at FROM clients WHERE client_id = :id")
    assert database.one(found, {"id": _ID.hex}) == [(_ID.hex, 1)]


def test_a_statement_waits_outside_of_pythons_lock(remote: Database) -> None:
    asked = Statement("SELECT pg_sleep(:seconds)")
    turns = 0
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(remote.one, asked, {"seconds": 0.3})
        while not waiting.done():
            turns += 1
            time.sleep(0.001)
    assert turns > 3  # with the lock held it could not turn at all


def test_after_the_server_dropped_every_connection_one_caller_at_most_sees_it(
    remote: Database, server: str
) -> None:
    gate = threading.Barrier(4)

    def ask() -> Any:
        gate.wait()
        return remote.one(Statement("SELECT pg_backend_pid() FROM pg_sleep(0.1)"), {})

    with ThreadPoolExecutor(4) as threads:
        held = {row[0] for each in [threads.submit(ask) for _ in range(4)] for row in each.result()}
    assert len(held) == 4
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as other:
        for pid in held:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with pytest.raises(StorageUnavailable):
        remote.one(_BACKENDS, {})
    again = {remote.one(_BACKENDS, {})[0][0] for _ in range(4)}
    assert not again & held


def test_an_error_of_the_statement_keeps_its_kind_and_the_connection(remote: Database) -> None:
    [(before,)] = remote.one(_BACKENDS, {})
    with pytest.raises(psycopg.errors.DivisionByZero):
        remote.one(Statement("SELECT 1 / CAST(:zero AS INTEGER)"), {"zero": 0})
    with pytest.raises(psycopg.errors.UndefinedTable):
        remote.one(Statement("SELECT 1 FROM nowhere"), {})
    assert remote.one(_BACKENDS, {}) == [(before,)]


def test_an_error_repeats_no_value_of_a_row(remote: Database) -> None:
    added = Statement(
        "INSERT INTO single_use (kind, key, expires_at) VALUES (:kind, :key, 1) RETURNING kind"
    )
    remote.one(added, {"kind": "planted-5f0c", "key": b"k"})
    with pytest.raises(psycopg.errors.UniqueViolation) as told:
        remote.one(added, {"kind": "planted-5f0c", "key": b"k"})
    assert "planted" not in str(told.value)


def test_no_more_connections_are_opened_than_allowed(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idp.storage.prepared._PATIENCE", 0.05)
    url = server.replace("+psycopg", "")
    lines = OnPostgres(lambda: psycopg.connect(url, autocommit=True), size=1)
    slow = Statement("SELECT pg_sleep(1.5)")
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(lines.run, slow, {}) for _ in range(2)]
        faults = [each.exception() for each in both]
    lines.close()
    assert [type(fault).__name__ for fault in faults if fault] == ["Exhausted"]


def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    nobody = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageUnavailable):
        nobody.one(_BACKENDS, {})
    assert not nobody.is_ready()
