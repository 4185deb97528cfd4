"""One provider for the whole catalogue: no attack here changes what another one sees.

An attack that may end something (a grant, a session, an account) makes its own client or person, or
asks for ``house``, which is a provider of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from idp.config import RegistrationMode
from tests.support import house as houses
from tests.support.house import House, PortalClient, add_portal
from tests.support.portal_kit import Documents, Program, Visitor, add_program, open_house, sign_in


@pytest.fixture(scope="session")
def documents() -> Documents:
    """The web that the provider sees: nothing is there unless an attack puts it there."""
    return Documents()


@pytest.fixture(scope="session")
def target(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, documents: Documents
) -> Iterator[House]:
    """The provider under attack, with open registration and a TLS front."""
    folder = tmp_path_factory.mktemp("attacks")
    (folder / "idp.sqlite").write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{folder / 'idp.sqlite'}"
    plain = houses.config_for(url, folder).oidc
    opened = replace(plain, registration=RegistrationMode.OPEN)
    fields = {name: getattr(opened, name) for name in type(opened).__dataclass_fields__}
    built = open_house(url, folder, documents, oidc=fields)
    yield built
    built.database.close()


@pytest.fixture(scope="session")
def portal(target: House) -> PortalClient:
    """An honest portal with a secret."""
    return add_portal(target, "hanoi")


@pytest.fixture(scope="session")
def mallory(target: House) -> PortalClient:
    """A registered portal that is up to no good."""
    return add_portal(target, "mallory")


@pytest.fixture(scope="session")
def program(target: House) -> Program:
    """An honest portal of FAPI 2.0."""
    return add_program(target, "fapi")


@pytest.fixture(scope="session")
def victim(target: House, portal: PortalClient, mallory: PortalClient, program: Program) -> Visitor:
    """Somebody who is signed in and agreed to all of them."""
    return sign_in(target, portal.client_id, mallory.client_id, program.client_id)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """A provider of its own, for races: on either database."""
    built = houses.build(database_url, tmp_path)
    yield built
    built.database.close()
