"""What every test may ask for."""

from __future__ import annotations

import compileall
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import idp
from idp.storage import migrate
from idp.storage.database import Database
from tests.support import postgres, warm

_RUN_DIR = "IDP_TEST_RUN_DIR"

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

_MEMORY = Path("/dev/shm")


def pytest_configure(config: pytest.Config) -> None:
    """One folder for what all workers of this run share, in memory where that is to be had."""
    if hasattr(config, "workerinput"):
        return
    if sys.dont_write_bytecode:
        # Each of the hundreds of processes that tests start would compile our modules anew.
        compileall.compile_dir(Path(idp.__file__).parent, quiet=2)
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    os.environ[_RUN_DIR] = tempfile.mkdtemp(prefix="idp-tests-", dir=place)
    if place and not config.option.basetemp:
        config.option.basetemp = f"{os.environ[_RUN_DIR]}/tmp"


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        folder = Path(os.environ[_RUN_DIR])
        with contextlib.suppress(Exception):
            postgres.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def run_dir() -> Path:
    return Path(os.environ[_RUN_DIR])


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("template") / "idp.sqlite"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def kept_postgres(run_dir: Path) -> Iterator[postgres.Kept]:
    """The database on PostgreSQL of this process."""
    kept = postgres.Kept(run_dir)
    yield kept
    kept.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(
    request: pytest.FixtureRequest,
    kept_postgres: postgres.Kept,
    tmp_path: Path,
    sqlite_template: Path,
) -> str:
    """An empty database of either kind: storage and journeys run on both."""
    if request.param == "postgres":
        return kept_postgres.url()
    path = tmp_path / "idp.sqlite"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = warm.keep_statements(Database(database_url, pool_size=20))
    yield opened
    opened.close()
