"""What is not installed is left out with one line, or missed where IDP_REQUIRE names it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.relying_parties.program import node_home
from tests.relying_parties.serving import apache, nginx

PARTS: dict[str, Callable[[], object]] = {"node": node_home, "apache": apache, "nginx": nginx}


@pytest.mark.parametrize("name", list(PARTS))
def test_a_part_that_is_missing_is_skipped_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("IDP_REQUIRE", "softhsm")

    with pytest.raises(pytest.skip.Exception, match=f"{name} is missing: .*apt-get install"):
        PARTS[name]()


@pytest.mark.parametrize("name", list(PARTS))
def test_a_part_that_is_required_must_be_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv("IDP_REQUIRE", f"softhsm,{name}")

    with pytest.raises(pytest.fail.Exception, match=f"{name} is required and missing"):
        PARTS[name]()
