"""Requests are counted by the name of their endpoint, whatever a path says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse

from idp.storage.database import Database
from tests.support import house as houses
from tests.support.house import House, add_portal
from tests.web.test_hot_path import FORM


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    built = houses.build(database_url, tmp_path)
    add_portal(built)
    yield built
    built.database.close()


def requests(house: House) -> dict[tuple[str, ...], int]:
    """How many, by endpoint and class of status."""
    return {
        labels: int(sum(numbers[:-1]))
        for (name, labels), numbers in house.base.meter.numbers().items()
        if name == "idp_http_request_seconds"
    }


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/jwks", "GET", ("jwks", "2xx")),
        ("/.well-known/openid-configuration", "GET", ("discovery.openid-configuration", "2xx")),
        ("/token", "POST", ("token", "4xx")),
        ("/token", "GET", ("token", "4xx")),
        ("/authorize?client_id=x", "GET", ("authorize", "4xx")),
        ("/login", "GET", ("login", "3xx")),
        ("/login/0123", "GET", ("login_step", "4xx")),
        ("/", "GET", ("home", "2xx")),
    ],
)
def test_an_endpoint_has_one_name_before_and_behind_routing(
    house: House, path: str, method: str, expected: tuple[str, str]
) -> None:
    before = requests(house).get(expected, 0)

    house.app.test_client().open(path, method=method)

    assert requests(house)[expected] == before + 1


HOSTILE = ["/wp-login.php", '/a"} 1', "/%0Aidp_ready%200", "/%00", "/../../etc/passwd", "/jwks/",
           "/token%20", "//token", "/x" * 2000, "/%F0%9F%99%82", "/%ED%A0%BD", "/;jsessionid=1",
           "/LOGIN", "/static/../token", "/Nguy%E1%BB%85n", "/001072000136"]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_of_anybodys_makes_no_label(house: House, path: str) -> None:
    client = Client(house.app.wsgi_app, TestResponse, use_cookies=False)

    client.open(path)

    known = {rule.endpoint for rule in house.app.url_map.iter_rules()} | {"unknown"}
    assert {endpoint for endpoint, _ in requests(house)} <= known


def test_paths_with_numbers_of_people_are_one_series(house: House) -> None:
    for number in range(50):
        house.app.test_client().get(f"/login/0010720001{number}")

    found = [labels for labels in requests(house) if labels[0] == "login_step"]
    assert found == [("login_step", "4xx")]


def test_an_answer_that_failed_is_counted_as_5xx(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("idp.oidc.introspection.Introspection.answer", fails)
    portal = add_portal(house, "second")

    house.app.test_client().post(
        "/introspect", data={"token": "x"}, auth=(portal.client_id, portal.secret)
    )

    assert requests(house)["introspect", "5xx"] == 1


def test_counting_costs_no_statement(house: House) -> None:
    client = Client(house.app.wsgi_app, TestResponse, use_cookies=False)
    client.post("/token", data="grant_type=x", content_type=FORM)
    before = _statements(house.database)

    for _ in range(5):
        client.get("/jwks")
        client.get("/nothing-here")

    assert _statements(house.database) == before


def _statements(database: Database) -> int:
    return database.counted.statements
