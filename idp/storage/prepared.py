"""Single prepared statements, each its own transaction: the hot path's way to the database.

On PostgreSQL straight on libpq: psycopg's cursor and SQLAlchemy's pool cost several times what
libpq does for one small statement. A statement is prepared once for each connection and for the
types of its values, sent in one call that waits outside of Python's lock, and read by psycopg's
own loaders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import errors, pq
from psycopg.adapt import PyFormat, Transformer
from sqlalchemy import Connection, Engine

Row = tuple[Any, ...]
_BINARY: Final = 1
_PATIENCE: Final = 5.0
"""Seconds to wait for a connection, as everywhere else."""


class Statement:
    """One statement for both databases, written with ``:name`` parameters.

    ``FOR SHARE OF`` is for PostgreSQL: SQLite has one writer at a time and knows no row locks.
    """

    __slots__ = ("_pyformat", "commits", "has_rows", "names", "numbered", "sqlite")

    def __init__(self, sql: str) -> None:
        plain = " ".join(sql.split())
        self.sqlite = _LOCKS.sub("", plain)
        names = list(dict.fromkeys(_NAME.findall(plain)))
        self.names = tuple(names)
        numbered = _NAME.sub(lambda found: f"${names.index(found[1]) + 1}", plain)
        self.numbered = numbered.encode()
        self._pyformat = _NAME.sub(r"%(\1)s", plain)
        # Asking the driver for a description costs as much as a small query.
        self.has_rows = re.search(r"^(WITH|SELECT)\b|\bRETURNING\b", self.sqlite) is not None
        self.commits = int(re.search(r"\b(INSERT|UPDATE|DELETE)\b", self.sqlite) is not None)

    def within(self, connection: Connection, values: Mapping[str, Any]) -> list[Row]:
        """Run it in a transaction that does more; answers its rows, as ``Database.one`` does."""
        if connection.dialect.name == "sqlite":
            found = connection.exec_driver_sql(self.sqlite, _plain(values))
        else:
            found = connection.exec_driver_sql(self._pyformat, dict(values))
        return [tuple(row) for row in found] if self.has_rows else []


_LOCKS: Final = re.compile(r"\s*\bFOR SHARE OF \w+\b")
_NAME: Final = re.compile(r"(?<!:):([a-z_]+)")


class OnSqlite:
    """Statements on SQLite, where a connection in autocommit mode is all that is needed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """The rows of one statement. Raises sqlite3's errors."""
        connection = self._engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            cursor = driver.execute(statement.sqlite, _plain(values))
            return cursor.fetchall() if statement.has_rows else []
        finally:
            connection.close()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in the form the models use on SQLite: ids as 32 hexadecimal digits."""
    return {key: value.hex if isinstance(value, UUID) else value for key, value in values.items()}


class Exhausted(psycopg.OperationalError):
    """All connections are in use."""


class OnPostgres:
    """At most ``size`` connections; the one used last is taken first, its statements are warm."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Row]], *, size: int) -> None:
        self._connect = connect
        # A token for each connection that may be in use; threading.Semaphore is slow Python.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._free.put(None)
        self._idle: list[_Line] = []

    def run(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """The rows of one statement. Raises psycopg's errors; ``Exhausted`` when none is free."""
        try:
            self._free.get(timeout=_PATIENCE)
        except Empty:
            raise Exhausted("no connection is free") from None
        try:
            line = self._take()
            try:
                return line.ask(statement, values)
            finally:
                self._give_back(line)
        finally:
            self._free.put(None)

    def close(self) -> None:
        """Close what nobody is using."""
        while line := self._take_idle():
            line.close()

    def _take(self) -> _Line:
        return self._take_idle() or _Line(self._connect())

    def _take_idle(self) -> _Line | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, line: _Line) -> None:
        if line.is_alive:
            self._idle.append(line)
            return
        # Where the server went away the others are broken as well, and each would cost a 503.
        line.close()
        self.close()


class _Line:
    """A connection and what is prepared on it. One thread at a time."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection, self._wire = connection, connection.pgconn
        self._adapt = Transformer(connection)
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}

    @property
    def is_alive(self) -> bool:
        return self._wire.status == pq.ConnStatus.OK

    def close(self) -> None:
        self._connection.close()

    def ask(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        names, adapt = statement.names, self._adapt
        # Any: psycopg's own types forget that a value may be NULL here.
        given: Any = adapt.dump_sequence([values[name] for name in names], _AUTO[: len(names)])
        name = self._name(statement.numbered, adapt.types or ())
        result = self._wire.exec_prepared(name, given, adapt.formats, _BINARY)
        if result.status == pq.ExecStatus.TUPLES_OK:
            adapt.set_pgresult(result, format=pq.Format.BINARY)
            return adapt.load_rows(0, result.ntuples, tuple)
        self._check(result)
        return []

    def _name(self, sql: bytes, types: tuple[int, ...]) -> bytes:
        """Prepare it the first time; values of other types make another statement."""
        known = self._prepared.get((sql, types))
        if known is None:
            known = f"s{len(self._prepared)}".encode()
            self._check(self._wire.prepare(known, sql, types))
            self._prepared[sql, types] = known
        return known

    def _check(self, result: pq.abc.PGresult) -> None:
        if result.status == pq.ExecStatus.COMMAND_OK:
            return
        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        # The primary message alone: what stands behind it may repeat the row's values.
        primary = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)
        message = (primary or result.error_message).decode(errors="replace")
        if state is None or not self.is_alive:
            raise psycopg.OperationalError(message)
        raise _kind(state.decode())(message)


def _kind(state: str) -> type[psycopg.Error]:
    try:
        return errors.lookup(state)
    except KeyError:
        return psycopg.DatabaseError


_AUTO: Final = (PyFormat.AUTO,) * 64
