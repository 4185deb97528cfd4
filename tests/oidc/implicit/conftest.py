"""A provider whose operator turned the implicit flow on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oidc.implicit.kit import ON, add_implicit
from tests.support import house as houses
from tests.support.house import House, PortalClient
from tests.support.portal_kit import Documents, Visitor, open_plain_house


@pytest.fixture(scope="module")
def shared(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, documents: Documents
) -> Iterator[House]:
    """One for a module whose tests change nothing that another one sees."""
    folder = tmp_path_factory.mktemp("implicit")
    built = open_plain_house(sqlite_template, folder, documents, oidc=ON)
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def portal(shared: House, visitor: Visitor) -> PortalClient:
    """A portal that the visitor agreed to give everything."""
    visitor.agrees("browser")
    return add_implicit(shared)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """One for each test, on either database."""
    built = houses.build(database_url, tmp_path, oidc=ON)
    yield built
    built.database.close()
