"""The gate of ux.md: axe, width, targets and the console, on every page in every look."""

from __future__ import annotations

import os
import shutil
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

CHROMIUM = shutil.which("chromium")
IS_REQUIRED = "chromium" in os.environ.get("IDP_REQUIRE", "").split(",")


@pytest.mark.skipif(
    CHROMIUM is None and not IS_REQUIRED, reason="no chromium: apt-get install chromium"
)
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "looking",
    tuple(product(("vi", "en"), ("light", "dark"), (320, 1280))),
    ids=lambda look: "-".join(map(str, look)),
)
def test_every_page_in_every_look_has_no_finding(
    tmp_path: Path, looking: tuple[str, Literal["light", "dark"], int]
) -> None:
    from . import look  # noqa: PLC0415  playwright is not needed by the other tests

    assert look.check(tmp_path, [looking]) == []
