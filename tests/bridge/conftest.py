"""A reader for tokens, which the tool's processes find."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from idp.sandbox import tokens
from idp.sandbox.ca import Authorities
from idp.sandbox.devices import Devices
from tests.support.postgres import require


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tokens.Reader:
    require("softhsm", found=bool(shutil.which("softhsm2-util")), how="apt-get install softhsm2")
    made = tokens.Reader(tmp_path, Devices(Authorities()))
    monkeypatch.setitem(os.environ, "SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    return made
