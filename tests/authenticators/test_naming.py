"""A method is one module and one line (design.md, promise 1)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import idp

HOUSE = Path(idp.__file__).parent
METHODS = ("password_otp", "mobile", "bhxh", "vnpost", "usb", "sim", "passkey", "totp")
LAYERS = ("domain", "authenticators", "storage", "flows", "oidc", "web", "app", "cli")
"""Not the adapters: what they call is named by its own name, which a method may bear as well."""


def named_in(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=str(value)):
                yield value
            case ast.alias(name=name) | ast.ImportFrom(module=str(name)):
                yield name.rpartition(".")[2]


@pytest.mark.parametrize("method", METHODS)
def test_only_its_own_module_and_the_list_know_the_name_of_a_method(method: str) -> None:
    files = (file for layer in LAYERS for file in (HOUSE / layer).rglob("*.py"))
    knowing = {
        file.relative_to(HOUSE).as_posix()
        for file in files
        if method in named_in(file.read_text(encoding="utf-8"))
    }

    assert knowing == {"authenticators/__init__.py", f"authenticators/{method}.py"}
