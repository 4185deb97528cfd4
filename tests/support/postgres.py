"""A private PostgreSQL cluster from Debian's binaries, in a temporary folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from idp.storage import migrate

TEMPLATE = "idp_template"


def require(part: str, *, found: bool, how: str) -> None:
    """Skip with one line, or fail where ``IDP_REQUIRE`` names the part."""
    if found:
        return
    if part in os.environ.get("IDP_REQUIRE", "").split(","):
        pytest.fail(f"{part} is required and missing: {how}")
    pytest.skip(f"{part} is missing: {how}")


def binaries() -> Path | None:
    """The newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parts[-3])
    return found[-1].parent if found else None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One test process at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def server(run_dir: Path, durability: str = "-c fsync=off") -> str:
    """The URL of the cluster without a database name; the first caller starts it."""
    given = os.environ.get("IDP_TEST_POSTGRES")
    programs = binaries()
    require("postgres", found=bool(given or programs), how="apt-get install postgresql")
    data = run_dir / "postgres"
    url = given or f"postgresql+psycopg://idp@/{{}}?host={data}"
    with locked(run_dir / "postgres.lock"):
        if not given and not (data / "started").exists():
            _start(programs or Path(), data, durability)
        if not (run_dir / "template.made").exists():
            _make_template(url)
            (run_dir / "template.made").touch()
    return url


def _run(command: list[str]) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True)


def halt(run_dir: Path) -> None:
    """Stop the cluster of ``server`` as a power cut would."""
    stop(run_dir)


def resume(run_dir: Path) -> None:
    """Start it again; answers when it answers."""
    _run(_starting(binaries() or Path(), run_dir / "postgres"))


def _starting(programs: Path, data: Path, durability: str = "-c fsync=off") -> list[str]:
    # An autovacuum of the template is in the way of whoever copies it, on a busy machine for longer
    # than the server waits.
    few = "-c autovacuum=off -c max_connections=300"
    options = f"-k {data} -c listen_addresses='' {durability} {few}"
    log = str(data / "log")
    command = [str(programs / "pg_ctl"), "-D", str(data / "cluster"), "-w", "-l", log]
    return [*command, "-o", options, "start"]


def _start(programs: Path, data: Path, durability: str) -> None:
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
        data.parent.chmod(0o755)
    cluster = str(data / "cluster")
    initdb = ["-A", "trust", "-U", "idp", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
    _run([str(programs / "initdb"), "-D", cluster, *initdb])
    _run(_starting(programs, data, durability))
    (data / "started").touch()
    if os.geteuid() == 0:
        data.chmod(0o755)


def stop(run_dir: Path) -> None:
    """Stop what ``server`` started."""
    programs = binaries()
    if programs and (run_dir / "postgres" / "started").exists():
        cluster = str(run_dir / "postgres" / "cluster")
        _run([str(programs / "pg_ctl"), "-D", cluster, "-m", "immediate", "stop"])


def _make_template(url: str) -> None:
    with admin(url) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    migrate.upgrade(url.format(TEMPLATE))


@contextlib.contextmanager
def admin(url: str) -> Iterator[psycopg.Connection]:
    """A connection that may make and drop databases."""
    plain = url.format("postgres").replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


@contextlib.contextmanager
def database(url: str) -> Iterator[str]:
    """A fresh database with the newest schema."""
    name = f"t_{os.getpid()}_{time.monotonic_ns()}"
    with admin(url) as connection:
        made = f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"
        connection.execute(made.encode())
    yield url.format(name)
    with admin(url) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


_USES = 40
"""How often a database is used: what was deleted from it makes it slower."""
_EMPTY = b"""
DO $$
DECLARE found regclass;
BEGIN
  PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
  SET LOCAL session_replication_role = replica;
  FOR found IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname <> 'alembic_version'
    AND relnamespace = 'public'::regnamespace
  LOOP EXECUTE format('DELETE FROM %s', found); END LOOP;
  PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
END $$
"""
"""Connections that somebody forgot are ended first; no trigger looks at the deleting."""


class Kept:
    """One database for the tests of a process, one after another; each finds it empty.

    To copy the template for each, and to drop the copy, took longer than many of them do.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._stack = contextlib.ExitStack()
        self._uses = 0

    def url(self) -> str:
        """The address of the database, which is as empty as a new one."""
        if 0 < self._uses < _USES:
            self._connection.execute(_EMPTY)
        else:
            self._renew()
        self._uses += 1
        return self._url

    def _renew(self) -> None:
        self.close()
        self._url = self._stack.enter_context(database(server(self._run_dir)))
        plain = self._url.replace("+psycopg", "")
        opened = psycopg.connect(plain, autocommit=True)
        # Closed before the database is dropped, which would end it otherwise.
        self._connection = self._stack.enter_context(contextlib.closing(opened))

    def close(self) -> None:
        """Drop it."""
        self._stack.close()
        self._uses = 0
