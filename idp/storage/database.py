"""The database: connections, transactions, and the one place that knows its dialects."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from idp.domain.errors import StorageUnavailable
from idp.storage.prepared import OnPostgres, OnSqlite, Row, Statement

T = TypeVar("T")
_SERIALIZATION, _DEADLOCK = "40001", "40P01"
_RETRIES = 3
_LOCK_MS, _STATEMENT_MS = 5_000, 9_000
"""A database that is slow or locked is said to be away in time (security.md: healed in 10 s)."""
_POSTGRES: Final[Mapping[str, Any]] = {
    "prepare_threshold": 1,
    "connect_timeout": 3,
    "options": f"-c lock_timeout={_LOCK_MS} -c statement_timeout={_STATEMENT_MS}",
}


class Database:
    """One database: SQLite (WAL) or PostgreSQL (psycopg 3).

    ``transaction`` is for pages; ``one`` runs a single prepared statement that is its own
    transaction, for the hot path. Both count what they do, so that tests can assert it.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.is_sqlite = url.startswith("sqlite")
        # The connection used last is taken first: its statements are prepared.
        pool: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": 0,
            "pool_timeout": 5,
            "pool_use_lifo": True,
        }
        if not self.is_sqlite:
            pool |= {"pool_pre_ping": True}
        self.engine = _engine(url, **pool)
        if self.is_sqlite:
            single = create_engine(
                url,
                isolation_level="AUTOCOMMIT",
                pool_reset_on_return=None,
                connect_args=_connect_args(url),
                **pool,
            )
            event.listen(single, "connect", _prepare_sqlite)
            self._alone: OnSqlite | OnPostgres = OnSqlite(single)
        else:
            self._alone = OnPostgres(self._connect, size=pool_size)
        self.counted = Counts()
        event.listen(self.engine, "before_cursor_execute", self.counted.statement)
        event.listen(self.engine, "commit", self.counted.commit)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction; a failing database becomes ``StorageUnavailable``."""
        with _translated(), self.engine.begin() as connection:
            yield connection

    def run(self, work: Callable[[Connection], T]) -> T:
        """``work`` in a transaction, again when the database asks for it (40001, 40P01)."""
        for attempt in itertools.count(1):
            try:
                with self.transaction() as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt > _RETRIES or not _is_conflict(error):
                    raise
        raise AssertionError("unreachable")  # pragma: no cover

    def one(self, statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one prepared statement that is its own transaction; answers its rows."""
        self.counted.add(statement.commits)
        try:
            return self._alone.run(statement, values)
        except (PoolTimeout, psycopg.OperationalError, sqlite3.OperationalError) as error:
            raise StorageUnavailable(type(error).__name__) from error

    def _connect(self) -> psycopg.Connection[Row]:
        """A connection beside the pool, with the same settings."""
        _, settings = self.engine.dialect.create_connect_args(self.engine.url)
        return psycopg.connect(**{**settings, **_POSTGRES}, autocommit=True)

    def is_ready(self) -> bool:
        """Whether the database answers."""
        try:
            self.one(_PING, {})
        except StorageUnavailable:
            return False
        return True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        self._alone.close()


_PING = Statement("SELECT 1")


class Counts:
    """Statements and commits since the start."""

    def __init__(self) -> None:
        self.statements = 0
        self.commits = 0
        self._lock = threading.Lock()

    def add(self, commits: int) -> None:
        """One statement of the hot path."""
        with self._lock:
            self.statements += 1
            self.commits += commits

    def statement(self, *_: object) -> None:
        """Listener: a statement in a transaction."""
        self.add(0)

    def commit(self, *_: object) -> None:
        """Listener: a transaction's end."""
        with self._lock:
            self.commits += 1


def as_uuid(value: UUID | str) -> UUID:
    """A row id as it comes from either driver."""
    return value if isinstance(value, UUID) else UUID(hex=value)


def _engine(url: str, **options: Any) -> Engine:  # noqa: ANN401  create_engine's own keywords
    # An error's text may come into the log: with the statement, never with its values.
    engine = create_engine(url, connect_args=_connect_args(url), hide_parameters=True, **options)
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _prepare_sqlite)
        # Writers queue at BEGIN instead of failing half-way, so a transaction never turns stale.
        event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _connect_args(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"timeout": 5, "check_same_thread": False}
    return dict(_POSTGRES)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if _is_conflict(error):
            raise
        raise StorageUnavailable(type(error.orig).__name__) from error
    except (PoolTimeout, psycopg.OperationalError, sqlite3.OperationalError) as error:
        raise StorageUnavailable(type(error).__name__) from error


def _is_conflict(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in {_SERIALIZATION, _DEADLOCK}
