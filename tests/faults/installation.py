"""A whole installation in processes of its own, whose parts a test may kill at a chosen moment."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg

from idp import demo
from tests.support.ports import free_base

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0
_SETTINGS = """
[otp]
resend_after = 0
per_hour = 1000
per_day = 1000
per_ip_hour = 10000
[password]
memory_kib = 1024
[limits]
identity_tries_per_day = 1000
registrations_per_ip_hour = 10000
"""
"""What a person who is killed at every step needs more of; nothing of it is about dying."""


@dataclass
class Installation:
    """Sandbox, provider with two workers, outbox worker: the demo's processes, started here."""

    base: int
    data: Path
    database_url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.base}"

    @property
    def sandbox(self) -> str:
        return f"http://localhost:{self.base + 100}"

    @property
    def management(self) -> str:
        return f"http://localhost:{self.base + 1}"

    @property
    def log(self) -> str:
        return (self.data / "log.txt").read_text(errors="replace")

    def start(self) -> None:
        more = self.data / "more.toml"
        more.write_text(f'[database]\nurl = "{self.database_url}"\n{_SETTINGS}')
        options = demo.Options(self.data, self.base, more, fresh=False, check=False)
        config = demo._prepare(options)
        self.processes["sandbox"] = demo._outside(options)
        wait_for(f"{self.sandbox}/health")
        demo._trust(options, config)
        for part in ("worker", "serve"):
            self.start_part(part)
        self.wait_until_up()

    def start_part(self, part: str, name: str = "", **settings: str) -> None:
        """``idp serve`` or ``idp worker``; on PostgreSQL its connections carry its name."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IDP_")}
        if self.database_url.startswith("postgresql"):
            url = f"{self.database_url}&application_name={name or part}"
            environment["IDP_DATABASE__URL"] = url
        environment |= settings
        command = [sys.executable, "-m", "idp.cli", "--config", str(self.data / "config.toml")]
        with (self.data / "log.txt").open("ab") as log:
            self.processes[name or part] = subprocess.Popen(
                [*command, part],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )

    def wait_until_up(self) -> None:
        wait_for(f"{self.issuer}/login")

    def kill(self, part: str) -> None:
        """SIGKILL a part with all its processes."""
        process = self.processes.pop(part)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def worker_of(self, client_port: int) -> int:
        """The process of ours that holds the other end of a connection to ``client_port``."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            inode = _inode(self.base, client_port)
            for pid in _children(self.processes["serve"].pid):
                if inode and inode in _sockets(pid):
                    return pid
            time.sleep(0.005)
        raise AssertionError(f"nobody serves port {client_port}")

    # --- the outside ----------------------------------------------------------------------------

    def person(self, **fields: Any) -> dict[str, Any]:
        answer = httpx.post(f"{self.sandbox}/people", json={"kind": "citizen", **fields})
        found: dict[str, Any] = answer.json()
        return found

    def messages(self, phone: str) -> list[dict[str, Any]]:
        headers = {"Accept": "application/json"}
        answer = httpx.get(f"{self.sandbox}/sms", params={"to": phone}, headers=headers)
        found: list[dict[str, Any]] = answer.json()
        return found

    def code(self, phone: str) -> str:
        """The newest code, once every SMS that was sent has arrived; others may still be tried."""
        waits = "SELECT count(*) FROM outbox WHERE done_at IS NULL AND kind = 'sms'"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            waiting = self.count(waits)
            found = self.messages(phone)
            if found and not waiting:
                return str(found[0]["code"])
            time.sleep(0.1)
        raise AssertionError(f"no message came: {self.log[-3000:]}")

    def count(self, query: str) -> int:
        """One number out of the database."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
                return int(connection.execute(query).fetchone()[0])
        with psycopg.connect(self.database_url.replace("+psycopg", "")) as server:
            row = server.execute(query.encode()).fetchone()
            return int(row[0]) if row else 0

    def change(self, statement: str) -> None:
        """What time would do, done now: on PostgreSQL."""
        plain = self.database_url.replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as server:
            server.execute(statement.encode())

    @contextlib.contextmanager
    def fault(self, system: str, mode: str) -> Iterator[None]:
        fields = {"system": system, "mode": mode, "seconds": 120}
        assert httpx.post(f"{self.sandbox}/faults", json=fields).status_code == 201
        try:
            yield
        finally:
            httpx.delete(f"{self.sandbox}/faults")


@contextlib.contextmanager
def running(data: Path, database_url: str) -> Iterator[Installation]:
    installation = Installation(free_base(), data, database_url)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


def wait_for(address: str, status: int = 200) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(address, follow_redirects=True, timeout=5).status_code == status:
                return
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer {status}")


# --- which process serves a connection ----------------------------------------------------------


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found.append(int(folder.name))
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _inode(server_port: int, client_port: int) -> str:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                parts = line.split()
                ports = tuple(int(end.rpartition(":")[2], 16) for end in parts[1:3])
                if ports == (server_port, client_port) and parts[9] != "0":
                    return f"socket:[{parts[9]}]"
    return ""
