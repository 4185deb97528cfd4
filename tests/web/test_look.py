"""The gate of ux.md: axe, width, targets and the console, on every page in every look."""

from __future__ import annotations

from itertools import product

import pytest

from .samples import SAMPLES

PARTS = 4
"""Short enough that no worker of the suite is left alone with one at the end."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("language", "part"), tuple(product(("vi", "en"), range(PARTS))))
def test_every_page_in_every_look_has_no_finding(language: str, part: int) -> None:
    from . import look  # noqa: PLC0415  playwright is not needed by the other tests

    assert look.check(language, list(SAMPLES)[part::PARTS]) == []
