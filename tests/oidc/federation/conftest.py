"""A provider that trusts the anchor of a federation in memory."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idp.oidc.federation import anchors
from tests.support import house as support
from tests.support.federation import ANCHOR, Standard, public, standard
from tests.support.house import House


@pytest.fixture
def world() -> Standard:
    return standard()


Build = Callable[..., House]


@pytest.fixture
def anywhere(world: Standard, database_url: str, tmp_path: Path) -> Build:
    """A house with other settings of the federation, on every kind of database."""
    return lambda **settings: _built(world, database_url, tmp_path, **settings)


@pytest.fixture
def build(world: Standard, sqlite_template: Path, tmp_path: Path) -> Build:
    """The same where the database decides nothing."""
    path = tmp_path / "plain.sqlite"
    shutil.copy(sqlite_template, path)
    return lambda **settings: _built(world, f"sqlite:///{path}", tmp_path, **settings)


def _built(world: Standard, url: str, folder: Path, **settings: Any) -> House:
    anchors.write(folder / "keys", "ttdlqg", ANCHOR, public(world.anchor.key))
    section = {"enabled": True, "authority_hints": (ANCHOR,), **settings}
    return support.build(url, folder, web=world.web, federation=section)


@pytest.fixture
def house(build: Build) -> House:
    return build()


def error_of(page: Any) -> str:
    """The code of our error page."""
    found = re.search(r"IDP-\d{4}", page.text)
    return found[0] if found else ""


def stored(house: House, client_id: str) -> dict[str, Any] | None:
    """The metadata of a registered client."""
    from sqlalchemy import text  # noqa: PLC0415

    query = text("SELECT metadata_json FROM clients WHERE client_id = :id")
    with house.database.transaction() as connection:
        row = connection.execute(query, {"id": client_id}).first()
    return dict(json.loads(row[0])) if row else None
