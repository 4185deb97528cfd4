"""The environment makes itself from files of this repository alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from idp import bootstrap

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "bootstrap.py"])
def test_the_start_imports_the_standard_library_only(name: str) -> None:
    tree = ast.parse((ROOT / "idp" / name).read_text(encoding="utf-8"))

    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    roots = {module.split(".")[0] for module in imported} - {"idp"}
    assert roots <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("lock", [bootstrap.RUNTIME, bootstrap.TESTING])
def test_lock_files_pin_every_package_by_hash_and_name_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    pinned = [line for line in text.splitlines() if "==" in line]

    assert pinned
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text
    assert "index-url" not in text


def test_a_changed_lock_file_makes_the_environment_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (bootstrap.RUNTIME, "pyproject.toml"):
        (tmp_path / name).write_text("first", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    before = bootstrap.stamp_of(bootstrap.RUNTIME)

    (tmp_path / bootstrap.RUNTIME).write_text("second", encoding="utf-8")

    assert bootstrap.stamp_of(bootstrap.RUNTIME) != before


def test_one_worker_per_core_unless_the_caller_says_otherwise() -> None:
    assert bootstrap.with_workers(["-k", "x"]) == ["-n", "auto", "--dist", "loadgroup", "-k", "x"]
    assert bootstrap.with_workers(["-n0"]) == ["-n0"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_packages_are_compiled_once_where_python_may_not_keep_bytecode(
    monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "_run", ran.append)
    monkeypatch.setattr(bootstrap, "_link_project", lambda: None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda *_, **__: "uv")
    monkeypatch.setattr(sys, "dont_write_bytecode", not is_kept)

    bootstrap._install(bootstrap.RUNTIME)

    assert ("--compile-bytecode" in ran[-1]) is not is_kept


@pytest.mark.parametrize("is_writable", [True, False])
def test_downloads_are_kept_in_the_clone_where_the_home_cannot_be_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_writable: bool
) -> None:
    for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    asked: list[Path] = []

    def access(place: Path, _mode: int) -> bool:
        asked.append(place)
        return is_writable

    monkeypatch.setattr(bootstrap.os, "access", access)

    bootstrap._keep_caches_here()

    ours = str(bootstrap.ROOT / ".cache")
    assert asked == [tmp_path]
    assert os.environ.get("UV_CACHE_DIR", "").startswith(ours) is not is_writable
    assert os.environ.get("PIP_CACHE_DIR", "").startswith(ours) is not is_writable


def test_what_is_installed_for_tests_is_not_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(bootstrap, "_POLICY", policy)

    with bootstrap._no_services():
        answer = subprocess.run([policy, "nginx", "start"], check=False).returncode

    assert answer == 101  # "action forbidden by policy"
    assert not policy.exists()
    policy.touch()
    with bootstrap._no_services():
        assert policy.read_text(encoding="utf-8") == ""
    assert policy.exists()


def test_a_missing_part_is_told_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "_find", lambda _: False)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)

    missing = bootstrap.provide_system_parts(["apache", "nginx"])

    assert missing == {"apache", "nginx"}
    assert "sudo apt-get install libapache2-mod-auth-openidc" in capsys.readouterr().out
