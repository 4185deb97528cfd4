"""Writing: settings for a process that is started with them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from idp.config.sections import TABLES, Config


def to_toml(config: Config) -> str:
    """Write settings back, for a process that starts others with what it runs with."""
    lines: list[str] = []
    for item in fields(Config):
        value = getattr(config, item.name)
        if item.name in TABLES:
            for name, block in value.items():
                lines += [f"[{item.name}.{name}]", *_assignments(block), ""]
        elif is_dataclass(value):
            lines += [f"[{item.name}]", *_assignments(value), ""]
    return "\n".join(lines)


def _assignments(block: Any) -> list[str]:  # noqa: ANN401  any section
    return [f"{item.name} = {_literal(getattr(block, item.name))}" for item in fields(block)]


def _literal(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_literal, value))}]"
        case _:
            text = str(value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{text}"'


def with_folder(config: Config, folder: Path) -> Config:
    """The same settings, with paths relative to another folder."""
    return replace(config, folder=folder)
