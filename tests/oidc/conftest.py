"""A provider of its own for every test of the protocol, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import house as houses
from tests.support.house import House


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = houses.build(database_url, tmp_path)
    yield built
    built.database.close()
