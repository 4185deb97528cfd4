"""Reading what the processes of a machine have counted, and saying it as Prometheus does.

A process that has died (its file is not locked any more) is taken into the sums and its file away:
a killed worker takes no count along, and sums only grow as long as the reader lives.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Final

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from idp.metrics.meter import SLOTS, SUFFIX, Key
from idp.metrics.names import EVERY, Metric

Sums = dict[Key, list[float]]
_Slot = Annotated[int, msgspec.Meta(ge=0)]
_line = msgspec.json.Decoder(tuple[str, tuple[str, ...], _Slot])
_BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in EVERY}


@dataclass(frozen=True, slots=True)
class Counted:
    """The sums, and how many processes of each role are alive."""

    sums: Sums
    processes: Mapping[str, int]


@dataclass(slots=True)
class Reader:
    """Reads the files of a folder; one for each folder."""

    folder: Path
    _gone: Sums = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget_the_dead(self) -> None:
        """Begin anew: what was counted before this start was read by another reader."""
        with self._lock:
            list(self._living())
            self._gone.clear()

    def read(self) -> Counted:
        """The sums over all processes, those that have died as well."""
        sums: Sums = {}
        processes: dict[str, int] = {}
        with self._lock:
            for role, found in self._living():
                processes[role] = processes.get(role, 0) + 1
                _add(sums, found)
            _add(sums, self._gone)
        return Counted(sums, processes)

    def _living(self) -> Iterator[tuple[str, Sums]]:
        """Each living process; one that has died is moved to the sums on the way."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except OSError:
                continue
            with os.fdopen(descriptor, "rb") as file:
                is_dead = _is_free(file.fileno())
                found = _decode(file.read())
                if not is_dead:
                    yield path.name.partition("-")[0], found
                    continue
                path.unlink(missing_ok=True)
            _add(self._gone, found)


class Families(Collector):
    """The sums in Prometheus's words."""

    def __init__(self, sums: Sums) -> None:
        self._sums = sums

    def collect(self) -> Iterable[CounterMetricFamily | HistogramMetricFamily]:
        """Every metric, in the order of ``EVERY``."""
        for metric in EVERY:
            found = sorted(
                (labels, numbers)
                for (name, labels), numbers in self._sums.items()
                if name == metric.name
            )
            yield _histogram(metric, found) if metric.buckets else _counter(metric, found)


def _counter(
    metric: Metric, found: Iterable[tuple[tuple[str, ...], list[float]]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, (number,) in found:
        family.add_metric(labels, number)
    return family


def _histogram(
    metric: Metric, found: Iterable[tuple[tuple[str, ...], list[float]]]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(str, metric.buckets), "+Inf"]
    for labels, (*buckets, total) in found:
        family.add_metric(labels, list(zip(bounds, accumulate(buckets), strict=True)), total)
    return family


def _is_free(descriptor: int) -> bool:
    """Whether nobody holds the lock of this file: its process is gone."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _decode(data: bytes) -> Sums:
    """The series of one file; what is no line of ours, or of another version, is left out."""
    size = SLOTS * 8
    if len(data) < size:
        return {}
    found: Sums = {}
    for line in data[size:].split(b"\n")[:-1]:
        try:
            name, labels, slot = _line.decode(line)
            metric = _BY_NAME[name]
        except (msgspec.DecodeError, RecursionError, KeyError):
            continue
        if len(labels) == len(metric.labels) and slot + metric.width <= SLOTS:
            numbers = struct.unpack_from(f"={metric.width}d", data, slot * 8)
            found[name, labels] = list(numbers)
    return found


def _add(sums: Sums, more: Sums) -> None:
    for key, numbers in more.items():
        sums[key] = [
            a + b for a, b in zip(sums.get(key, [0.0] * len(numbers)), numbers, strict=True)
        ]
