"""Ports for the servers that tests start: no two tests get the same, nor one that is in use.

A block is locked by a file for the life of the process that took it, so that tests which run
side by side (xdist, several checkouts) never draw the same one. Blocks lie below the ports that
this machine gives to outgoing connections, any of which may be taken between look and start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

WIDTH = 310
"""A demo's ports lie within so many above its base."""
_LOWEST, _USUAL_OUTGOING = 2000, 32_768
_held: list[IO[bytes]] = []
_single: list[int] = []


def free_base() -> int:
    """The first of ``WIDTH`` ports that are this process's own until it ends."""
    blocks = range(_LOWEST, max(_first_outgoing(), 10_000) - WIDTH, WIDTH)
    for base in random.sample(blocks, len(blocks)):
        if _lock(base) and all(is_free(base + each) for each in (0, 1, 100, 125, 201, 202, 300)):
            return base
    raise AssertionError("no free ports")


def free_port() -> int:
    """One port that nobody listens at and that no other test gets."""
    while True:
        if not _single:
            base = free_base()
            _single.extend(range(base + WIDTH - 1, base - 1, -1))
        port = _single.pop()
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen there now: connecting would not show a port in other use."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:  # a machine without IPv6
                    return False
    return True


def _lock(base: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"idp-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    held = (folder / str(base)).open("wb")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        return False
    _held.append(held)
    return True


def _first_outgoing() -> int:
    with contextlib.suppress(OSError, ValueError):
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        return int(text.split()[0])
    return _USUAL_OUTGOING
