"""The tool as one file: it needs nothing of this project, and starts its own processes."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from idp.bridge import pack
from idp.bridge.contract import VERSION
from idp.sandbox import tokens
from tests.bridge.kit import NONCE, ORIGIN, softhsm

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["bridge.pyz", "bridge.py"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "downloads" / str(request.param)
    made.parent.mkdir()
    made.write_bytes(pack.program())
    return made


def told(answer: dict[str, Any]) -> str:
    assert answer["error"]["code"] == "ERR_WEBEID_NATIVE_FATAL"
    return str(answer["error"]["message"])


def natively(program: Path, *arguments: str) -> list[dict[str, Any]]:
    """What the file answers to one command when it is started in a folder of its own."""
    order = {"command": "authenticate", "arguments": {"origin": ORIGIN, "challengeNonce": NONCE}}
    data = json.dumps(order).encode()
    done = subprocess.run(
        [sys.executable, str(program), "--native", "--origin", ORIGIN, *arguments],
        input=struct.pack("=I", len(data)) + data,
        stdout=subprocess.PIPE,
        cwd=program.parent,
        env={**os.environ, "PYTHONPATH": ""},
        check=True,
        timeout=60,
    )
    answers, rest = [], done.stdout
    while rest:
        size = struct.unpack("=I", rest[:4])[0]
        answers.append(json.loads(rest[4 : 4 + size]))
        rest = rest[4 + size :]
    return answers


def test_the_file_asks_the_driver_in_a_process_of_its_own(
    program: Path, reader: tokens.Reader
) -> None:
    assert reader.inserted is None

    _, without_token = natively(program, "--module", *softhsm())
    _, without_driver = natively(program, "--module", "/nowhere.so")

    assert [told(answer) for answer in (without_token, without_driver)] == [
        "no_token",
        "driver_missing",
    ]


def test_the_file_is_the_same_each_time() -> None:
    assert pack.program() == pack.program()


def test_the_tool_loads_nothing_but_itself_and_the_standard_library() -> None:
    script = "import sys; before = set(sys.modules); import idp.bridge.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    ours = {name for name in loaded if name.split(".")[0] == "idp"}
    others = {name.split(".")[0] for name in loaded} - {"idp"} - set(sys.stdlib_module_names)
    assert all(name == "idp" or name.startswith("idp.bridge") for name in ours)
    assert not others & {"flask", "click", "sqlalchemy", "pkcs11", "asn1crypto", "cryptography"}


def test_the_small_install_needs_what_the_extra_needs_and_is_the_same_version() -> None:
    ours = tomllib.loads((ROOT / "idp" / "bridge" / "pyproject.toml").read_text())["project"]
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    manifest = json.loads(pack.extension([ORIGIN])["manifest.json"])

    assert ours["dependencies"] == whole["optional-dependencies"]["bridge"]
    assert ours["version"] == manifest["version"] == VERSION
