"""One provider where everybody may register, and one person with an account, for each module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.config import RegistrationMode
from tests.oidc.conformance.suite import Suite
from tests.support.portal_kit import Documents, open_plain_house


@pytest.fixture(scope="module")
def suite(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, documents: Documents
) -> Iterator[Suite]:
    house = open_plain_house(
        sqlite_template,
        tmp_path_factory.mktemp("suite"),
        documents,
        oidc={"registration": RegistrationMode.OPEN},
    )
    browser = house.browser()
    browser.registers()
    browser.client.delete_cookie("idp_session")
    yield Suite(house, documents)
    house.database.close()
