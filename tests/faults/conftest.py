"""One installation on each database for all tests of this folder that only kill its parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation, running
from tests.faults.visitor import CLIENT, REDIRECT, SECRET, Visitor
from tests.support import installed, postgres


@pytest.fixture(scope="module")
def on_postgres(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("postgres")
    with (
        postgres.database(postgres.server(run_dir)) as url,
        running(folder, url) as installation,
    ):
        add_portal(installation)
        yield installation


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("sqlite")
    with running(folder, f"sqlite:///{folder / 'idp.sqlite'}") as installation:
        add_portal(installation)
        yield installation


def add_portal(installation: Installation) -> None:
    """A portal of the test's own, registered as any other program would."""
    installed.register(
        installation.data,
        client_id=CLIENT,
        client_secret=SECRET,
        client_name="Cổng thử",
        redirect_uris=[REDIRECT],
        grant_types=["authorization_code", "refresh_token"],
        scope="openid profile offline_access",
        id_token_signed_response_alg="ES256",
    )


def somebody(installation: Installation) -> Visitor:
    return Visitor(installation, installation.person())
