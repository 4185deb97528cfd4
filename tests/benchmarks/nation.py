"""As many accounts as a nation has: copies in SQL of the one account that a benchmark signed in.

A load test on a nearly empty database proves nothing about indexes that no longer fit in a cache
page or two. The copies open to nobody: their sealed columns are the first account's.
"""

from __future__ import annotations

from uuid import UUID

import psycopg
from psycopg import sql

from idp.storage.models import db

TABLES = (
    "accounts", "identifiers", "evidence", "attributes", "passwords", "phones", "consents",
    "known_subjects", "sessions", "grants", "audit",
)  # fmt: skip
_ROOM = "UPDATE audit_seals SET number = number + (SELECT count(*) FROM audit)"
_LINKS = """
INSERT INTO audit_seals (number, audit_id, hash)
SELECT row_number() OVER (ORDER BY a.id), a.id, a.mac
FROM audit a LEFT JOIN audit_seals s ON s.audit_id = a.id WHERE s.number IS NULL
"""
"""Old rows are linked long ago; else the worker would be busy with the copies for an hour."""
_REFERS = {("attributes", "evidence_id"): "evidence", ("grants", "session_id"): "sessions"}
_MOST = 64
"""No account has as many rows in one table."""


def populate(url: str, accounts: int, sessions: int) -> None:
    """Copy every row of the newest account, and its newest session ``sessions`` times."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        found = connection.execute("SELECT account_id FROM sessions ORDER BY id DESC LIMIT 1")
        [template] = found.fetchone() or (None,)
        connection.execute("SET session_replication_role = replica")
        for number, table in enumerate(TABLES):
            times = -(-sessions // accounts) if table == "sessions" else 1
            connection.execute(_copies(number, table, template, accounts, times))
        connection.execute(_ROOM)
        connection.execute(_LINKS)
        connection.execute("VACUUM ANALYZE")


def sizes(url: str) -> list[tuple[str, int, float, float]]:
    """For each table: its rows, and bytes per row of the heap and of all its indexes."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = []
        for table in (*TABLES, "audit_seals"):
            query = sql.SQL(
                "SELECT count(*), pg_table_size({0}), pg_indexes_size({0}) FROM {1}"
            ).format(sql.Literal(table), sql.Identifier(table))
            rows, heap, indexes = connection.execute(query).fetchone() or (0, 0, 0)
            found.append((table, rows, heap / max(rows, 1), indexes / max(rows, 1)))
        return found


def _copies(number: int, table: str, template: UUID, accounts: int, times: int) -> sql.Composed:
    """One statement: row n of the template becomes row n of account i."""
    columns = [column.name for column in db.metadata.tables[table].columns]
    owner = "id" if table == "accounts" else "account_id"
    newest = sql.SQL(" ORDER BY id DESC LIMIT 1" if table in {"sessions", "grants"} else "")
    return sql.SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM"
        " (SELECT *, row_number() OVER () AS n FROM {table} WHERE {owner} = {template}{newest}) t"
        " CROSS JOIN generate_series(1, {accounts}) AS i CROSS JOIN generate_series(0, {last}) AS k"
    ).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(_value(number, table, column) for column in columns),
        owner=sql.Identifier(owner),
        template=sql.Literal(template),
        newest=newest,
        accounts=sql.Literal(accounts),
        last=sql.Literal(times - 1),
    )


def _value(number: int, table: str, column: str) -> sql.Composable:
    """Keys are the copy's own, in the order of time; all else is the template's."""
    if column == "id":
        return _id(number)
    if (table, column) in _REFERS:
        return _id(TABLES.index(_REFERS[table, column]))
    if column in {"account_id", "actor_id"}:
        return _id(TABLES.index("accounts"))
    text = sql.SQL("{} || i || '.' || n || '.' || k").format(sql.Literal(f"{table}.{column}."))
    if column.endswith(("_index", "_hash")) or column == "mac":
        return sql.SQL("sha256(({})::bytea)").format(text)
    if column == "sub":
        return sql.SQL("md5({})").format(text)
    return sql.SQL("t.{}").format(sql.Identifier(column))


def _id(number: int) -> sql.Composable:
    """A UUID of version 7 that only grows; what others refer to is each account's first row."""
    owned = TABLES[number] in {"accounts", "evidence"}
    low = sql.SQL("i" if owned else "(i::bigint * {most} + n) * {most} + k").format(
        most=sql.Literal(_MOST)
    )
    return sql.SQL("({} || lpad(to_hex({}), 12, '0'))::uuid").format(
        sql.Literal(f"01900000-{number:04x}-7000-8000-"), low
    )
