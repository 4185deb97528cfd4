"""Readers for tokens, which the tool's processes find."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from idp.sandbox import tokens
from idp.sandbox.ca import Authorities
from idp.sandbox.devices import Devices
from idp.sandbox.people import People
from tests.bridge.kit import PIN
from tests.support.postgres import require

SHIM = Path(__file__).parent / "shim.c"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tokens.Reader:
    require("softhsm", found=bool(shutil.which("softhsm2-util")), how="apt-get install softhsm2")
    made = tokens.Reader(tmp_path, Devices(Authorities()))
    monkeypatch.setitem(os.environ, "SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    return made


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = bool(shutil.which("cc") and tokens.driver())
    require("softhsm", found=found, how="apt-get install softhsm2 gcc")
    made = tmp_path_factory.mktemp("shim") / "shim.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(made), str(SHIM), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.fixture
def driver(shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A token with one EC key in the reader; its PIN is 4711."""
    reader = tokens.Reader(tmp_path, Devices(Authorities()))
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.setenv("SHIM_OVER", str(tokens.driver()))
    monkeypatch.setenv("SHIM_COUNT", str(tmp_path / "count"))
    reader.insert(People().add({"usb": {"pin": PIN, "certificates": [{"key": "ec"}]}}))
    return [str(shim)]
