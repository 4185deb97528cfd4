"""A provider of its own for every test of the protocol, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import house as houses
from tests.support.house import House
from tests.support.portal_kit import Documents, Visitor, open_plain_house, sign_in


@pytest.fixture(scope="module")
def documents() -> Documents:
    """The web that the shared provider sees."""
    return Documents()


@pytest.fixture(scope="module")
def shared(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, documents: Documents
) -> Iterator[House]:
    """One provider for a module whose tests change nothing that another one sees."""
    built = open_plain_house(sqlite_template, tmp_path_factory.mktemp("shared"), documents)
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def visitor(shared: House) -> Visitor:
    """Somebody who is signed in there."""
    return sign_in(shared)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = houses.build(database_url, tmp_path)
    yield built
    built.database.close()
