"""Servers that operators install, started by a test with a configuration of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.postgres import require

_PATIENCE, _STOP = 20.0, 10


MODULES = Path("/usr/lib/apache2/modules")


def apache() -> str:
    """Apache with mod_auth_openidc; skips where it is missing."""
    program = _server("apache2")
    found = bool(program) and (MODULES / "mod_auth_openidc.so").exists()
    require("apache", found=found, how="apt-get install libapache2-mod-auth-openidc")
    return program


def nginx() -> str:
    """nginx; skips where it is missing."""
    program = _server("nginx")
    require("nginx", found=bool(program), how="apt-get install nginx")
    return program


def _server(name: str) -> str:
    """Servers stand where plain users do not look."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A place that a server can still read after it gave up being root."""
    path = Path(tempfile.mkdtemp(prefix="idp-server-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def listening(
    command: list[str], port: int, log: Path, more: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the foreground, until it answers; ended by its own process id."""
    plain = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment = {**plain, **(more or {})}
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        _wait(process, port, log)
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args} does not listen: {log.read_text(errors='replace')}")
