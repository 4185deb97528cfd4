"""Counting: numbers in a file that is mapped into memory, one file for each process.

A file begins with ``SLOTS`` numbers (IEEE 754, as this machine writes them); behind them stands one
JSON line for each series: name, labels, first slot. A process holds a lock on its file for as long
as it lives, so whoever reads knows which processes are gone.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import re
import secrets
import threading
from bisect import bisect_left
from pathlib import Path
from typing import Final

import structlog

from idp.metrics.names import Metric

SLOTS: Final = 32768
SUFFIX: Final = ".metrics"
MOST_SERIES: Final = 1000
"""Of one metric: no table of ours is near it, so whoever reaches it has a mistake to find."""

OTHER: Final = "other"
_SPARE: Final = SLOTS - 64
"""Where goes what there is no room for; nobody reads it."""

Key = tuple[str, tuple[str, ...]]
_LABEL = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.: -]{0,63})?")
_log = structlog.get_logger(__name__)


class Meter:
    """The counters of one process; without a file they are its own affair."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._lock = threading.Lock()
        self._descriptor = descriptor
        size = SLOTS * 8
        memory = bytearray(size) if descriptor is None else mmap.mmap(descriptor, size)
        self._numbers = memoryview(memory).cast("d")
        self._slots: dict[Key, int] = {}
        self._series: dict[str, int] = {}
        self._widths: dict[str, int] = {}
        self._next = 0

    def count(self, metric: Metric, *labels: str) -> None:
        """One more."""
        slot = self._slots.get((metric.name, labels))
        if slot is None:
            slot = self._find(metric, labels)
        with self._lock:
            self._numbers[slot] += 1

    def time(self, metric: Metric, seconds: float, *labels: str) -> None:
        """One more that took so long."""
        slot = self._slots.get((metric.name, labels))
        if slot is None:
            slot = self._find(metric, labels)
        buckets = metric.buckets
        with self._lock:
            self._numbers[slot + bisect_left(buckets, seconds)] += 1
            self._numbers[slot + len(buckets) + 1] += seconds

    def numbers(self) -> dict[Key, list[float]]:
        """What was counted, by name and labels."""
        with self._lock:
            return {
                key: list(self._numbers[slot : slot + self._widths[key[0]]])
                for key, slot in self._slots.items()
            }

    def _find(self, metric: Metric, labels: tuple[str, ...]) -> int:
        """The place of a series that this process has not counted yet."""
        with self._lock:
            asked, labels = labels, self._bounded(metric, labels)
            slot = self._slots.get((metric.name, labels))
            if slot is None:
                slot = self._take(metric, labels)
            if asked == labels:
                self._slots[metric.name, labels] = slot
            return slot

    def _bounded(self, metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The labels themselves, or one series for all that is too much or no name of ours."""
        if len(labels) != len(metric.labels):
            raise ValueError(metric.name)
        if all(_LABEL.fullmatch(each) for each in labels) and (
            (metric.name, labels) in self._slots or self._series.get(metric.name, 0) < MOST_SERIES
        ):
            return labels
        return (OTHER,) * len(labels)

    def _take(self, metric: Metric, labels: tuple[str, ...]) -> int:
        slot, after = self._next, self._next + metric.width
        if after > _SPARE:
            return _SPARE
        self._next, self._widths[metric.name] = after, metric.width
        self._series[metric.name] = self._series.get(metric.name, 0) + 1
        self._slots[metric.name, labels] = slot
        if self._descriptor is not None:
            line = json.dumps([metric.name, labels, slot]) + "\n"
            os.lseek(self._descriptor, 0, os.SEEK_END)
            os.write(self._descriptor, line.encode())
        return slot


def open_in(folder: Path | None, role: str) -> Meter:
    """The meter of a process of that role; where the folder cannot be used, one that is not read.

    Counting must never keep anybody from signing in.
    """
    if folder is None:
        return Meter()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{role}-{os.getpid()}-{secrets.token_hex(4)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(descriptor, SLOTS * 8)
        # Seen from now on, and never without its lock.
        path.rename(path.with_suffix(SUFFIX))
        return Meter(descriptor)
    except OSError as error:
        _log.warning("metrics.not_shared", folder=str(folder), reason=type(error).__name__)
        return Meter()
