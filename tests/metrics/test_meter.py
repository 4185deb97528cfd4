"""Counters in memory, shared by file, summed by whoever reads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idp.metrics import EVERY, REGISTRATIONS, REQUEST_SECONDS, THROTTLED, Meter, Reader, open_in
from idp.metrics.meter import MOST_SERIES, OTHER
from idp.metrics.reading import Families

COUNTS = """
import sys
from pathlib import Path
from idp.metrics import THROTTLED, open_in
meter = open_in(Path(sys.argv[1]), "serve")
for _ in range(int(sys.argv[2])):
    meter.count(THROTTLED, "password")
print("counted", flush=True)
sys.stdin.read()
"""


def process(folder: Path, times: int) -> subprocess.Popen[str]:
    """A process that has counted, and lives on."""
    command = [sys.executable, "-c", COUNTS, str(folder), str(times)]
    pipe = subprocess.PIPE
    started = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert started.stdout
    assert started.stdout.readline() == "counted\n"
    return started


def end(*processes: subprocess.Popen[str]) -> None:
    for each in processes:
        each.kill()
        each.communicate()


def test_what_two_processes_counted_is_summed(tmp_path: Path) -> None:
    first, second = process(tmp_path, 3), process(tmp_path, 4)

    found = Reader(tmp_path).read()

    end(first, second)
    assert found.sums == {("idp_throttled", ("password",)): [7.0]}
    assert found.processes == {"serve": 2}


def test_a_killed_process_takes_no_count_along(tmp_path: Path) -> None:
    reader, first, second = Reader(tmp_path), process(tmp_path, 3), process(tmp_path, 4)
    reader.read()
    end(first)

    reads = [reader.read() for _ in range(3)]

    end(second)
    assert [found.sums["idp_throttled", ("password",)] for found in reads] == [[7.0]] * 3
    assert reads[0].processes == {"serve": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_new_start_forgets_the_dead_and_keeps_the_living(tmp_path: Path) -> None:
    first, second = process(tmp_path, 3), process(tmp_path, 4)
    end(first)
    reader = Reader(tmp_path)

    reader.forget_the_dead()

    assert reader.read().sums["idp_throttled", ("password",)] == [4.0]
    end(second)


def test_threads_lose_no_count(tmp_path: Path) -> None:
    meter = open_in(tmp_path, "serve")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: meter.count(THROTTLED, "password"), range(8000)))

    assert meter.numbers()["idp_throttled", ("password",)] == [8000.0]


def test_a_time_falls_into_its_bucket_and_into_the_sum() -> None:
    meter = Meter()
    for seconds in (0.0001, 0.0005, 0.3, 99.0):
        meter.time(REQUEST_SECONDS, seconds, "token", "2xx")

    family = next(
        each for each in Families(meter.numbers()).collect() if each.name == REQUEST_SECONDS.name
    )

    by_bound = {s.labels.get("le"): s.value for s in family.samples if s.name.endswith("_bucket")}
    assert [by_bound[bound] for bound in ("0.0005", "0.25", "0.5", "10.0", "+Inf")] == [
        2,
        2,
        3,
        3,
        4,
    ]
    [total] = [s.value for s in family.samples if s.name.endswith("_sum")]
    assert total == pytest.approx(99.3006)


@pytest.mark.parametrize(
    "label",
    [
        'a"} 1\nidp_ready 0',
        "\0",
        "x" * 65,
        "Nguyễn Văn Hoà",
        "🙂",
        "\ud83d",
        "../../etc",
        "<script>",
    ],
)
def test_what_is_no_name_of_ours_becomes_no_label(label: str) -> None:
    meter = Meter()

    meter.count(REGISTRATIONS, label, "opened")
    meter.count(REGISTRATIONS, label, "opened")

    assert meter.numbers() == {("idp_registrations", (OTHER, OTHER)): [2.0]}


def test_names_without_end_make_no_series_without_end(tmp_path: Path) -> None:
    meter = open_in(tmp_path, "serve")

    for number in range(3 * MOST_SERIES):
        meter.count(THROTTLED, f"limit {number}")
        meter.time(REQUEST_SECONDS, 0.1, f"endpoint {number}", "2xx")

    sums = Reader(tmp_path).read().sums
    assert len(sums) <= 2 * (MOST_SERIES + 1)
    assert sums["idp_throttled", (OTHER,)] == [2.0 * MOST_SERIES]
    assert sums == meter.numbers()


def test_labels_must_be_those_that_the_metric_declares() -> None:
    with pytest.raises(ValueError, match="idp_registrations"):
        Meter().count(REGISTRATIONS, "mobile")


@pytest.mark.parametrize(
    "rest",
    [b"", b"\xff\xfe\n", b"[]\n", b"{}\n", b'["idp_throttled",["a"],-1]\n', b"[1,2,3]\n",
     b'["idp_throttled",["a","b"],0]\n', b'["idp_throttled",["a"],999999]\n', b'["idp_thro',
     b'["idp_throttled",null,0]\n', b'["old_metric",["a"],0]\n', b'["idp_throttled",["a"],"0"]\n'],
)  # fmt: skip
def test_a_file_that_makes_no_sense_counts_nothing(tmp_path: Path, rest: bytes) -> None:
    meter = open_in(tmp_path, "serve")
    meter.count(THROTTLED, "password")
    [ours] = tmp_path.iterdir()
    (tmp_path / "worker-1-x.metrics").write_bytes(ours.read_bytes()[: 8 * 32768] + rest)
    (tmp_path / "worker-2-x.metrics").write_bytes(b"short")

    assert Reader(tmp_path).read().sums == meter.numbers()


def test_a_folder_that_cannot_be_used_keeps_nobody_from_counting(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("no folder")

    meter = open_in(place, "serve")
    meter.count(THROTTLED, "password")

    assert meter.numbers() == {("idp_throttled", ("password",)): [1.0]}


def test_only_we_read_what_we_count(tmp_path: Path) -> None:
    open_in(tmp_path / "metrics", "serve")

    [file] = (tmp_path / "metrics").iterdir()

    assert [oct(path.stat().st_mode & 0o777) for path in (file.parent, file)] == ["0o700", "0o600"]


def test_every_metric_says_what_it_is_and_has_few_labels() -> None:
    assert len({metric.name for metric in EVERY}) == len(EVERY)
    assert all(metric.help and 1 <= len(metric.labels) <= 3 for metric in EVERY)
