"""Signed requests of CIBA (7.1.1) with values of any type (RFC 8259): no accident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oidc.ciba.test_request import sends, signed, signer
from tests.oidc.rfc8259.test_types import STRANGE
from tests.support.decoupled import Office
from tests.support.house import House
from tests.support.portal_kit import open_plain_house

NAMES = [
    "iss", "aud", "exp", "iat", "nbf", "jti", "scope", "login_hint", "login_hint_token",
    "id_token_hint", "binding_message", "requested_expiry", "acr_values", "user_code", "resource",
    "client_notification_token", "request",
]  # fmt: skip


@pytest.fixture(scope="module")
def office(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    built: House = open_plain_house(sqlite_template, tmp_path_factory.mktemp("ciba"))
    yield signer(built)
    built.database.close()


@pytest.mark.parametrize("name", NAMES)
def test_ciba_7_1_1_a_claim_of_any_type_is_answered(office: Office, name: str) -> None:
    for value in STRANGE:
        if isinstance(value, str) and not value.isprintable():
            continue  # the signer of these tests writes no half characters
        answer = sends(office, signed(office.house, **{name: value}))

        assert answer.status_code in {200, 400, 403}, (name, value, answer.text)
