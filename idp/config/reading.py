"""Reading: defaults, file, environment; every mistake is told at once, with its line."""

from __future__ import annotations

import enum
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from idp.config.rules import contradictions
from idp.config.sections import TABLES, Config
from idp.domain.errors import ConfigError

_ENV = re.compile(r"IDP_([A-Z0-9]+(?:_[A-Z0-9]+)*?)__([A-Z0-9_]+)")


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """Read and check the settings. Raises ``ConfigError`` with every problem there is."""
    try:
        text = path.read_text(encoding="utf-8") if path else ""
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error
    return _Reader(path, text, data, env).read()


class _Reader:
    """One reading: collects problems instead of stopping at the first."""

    def __init__(
        self, path: Path | None, text: str, data: dict[str, Any], env: Mapping[str, str]
    ) -> None:
        self._path, self._lines, self._data = path, text.splitlines(), data
        self._from_env: dict[tuple[str, ...], str] = {}
        self.problems: list[str] = []
        self._overlay(env)

    def read(self) -> Config:
        known = {item.name: item for item in fields(Config)}
        hints = get_type_hints(Config)
        values: dict[str, Any] = {}
        for name, block in self._data.items():
            if name not in known or name == "folder":
                self._problem((name,), f"unknown section; known are {', '.join(sorted(known))}")
            elif not isinstance(block, dict):
                self._problem((name,), "must be a section")
            elif name in TABLES:
                values[name] = {
                    key: built
                    for key, inner in block.items()
                    if (built := self._block(TABLES[name], inner, (name, key))) is not None
                }
            else:
                built = self._block(hints[name], block, (name,))
                if built is not None:
                    values[name] = built
        if self.problems:
            raise ConfigError(self.problems)
        folder = self._path.parent if self._path else Path()
        config = Config(**values, folder=folder.resolve())
        for where, why in contradictions(config):
            self._problem(where, why)
        if self.problems:
            raise ConfigError(self.problems)
        return config

    def _overlay(self, env: Mapping[str, str]) -> None:
        for name, value in env.items():
            found = _ENV.fullmatch(name)
            if not found:
                continue
            section, key = found[1].lower(), found[2].lower()
            path = [section, *key.split("__")]
            block = self._data
            for part in path[:-1]:
                inner = block.setdefault(part, {})
                block = inner if isinstance(inner, dict) else {}
            block[path[-1]] = _Text(value)
            self._from_env[tuple(path)] = name

    def _block(self, kind: type, block: object, where: tuple[str, ...]) -> Any:  # noqa: ANN401
        if not isinstance(block, dict):
            self._problem(where, "must be a section")
            return None
        hints = get_type_hints(kind)
        known = {item.name: item for item in fields(kind)}
        values = {}
        for key, raw in block.items():
            if key not in known:
                self._problem((*where, key), f"unknown setting; known are {', '.join(known)}")
                continue
            try:
                values[key] = _convert(raw, hints[key], known[key].metadata.get("range"))
            except ValueError as error:
                self._problem((*where, key), str(error))
        try:
            return kind(**values)
        except TypeError:
            self._problem((*where, "url"), "is missing")
            return None

    def _problem(self, where: tuple[str, ...], why: str) -> None:
        place = self._place(where)
        name = f"[{'.'.join(where[:-1])}] {where[-1]}" if len(where) > 1 else f"[{where[0]}]"
        self.problems.append(f"{place}: {name}: {why}")

    def _place(self, where: tuple[str, ...]) -> str:
        """Who set it: a variable of the environment, or a line of the file."""
        variables = [name for path, name in self._from_env.items() if path[: len(where)] == where]
        line = self._line(where)
        if variables and (where in self._from_env or line is None):
            return variables[0]
        return f"{self._path or 'settings'}{f':{line}' if line else ''}"

    def _line(self, where: tuple[str, ...]) -> int | None:
        """The line that sets it, or its section's."""
        section, best = "", None
        for number, line in enumerate(self._lines, start=1):
            header = re.match(r"\s*\[([^\[\]]+)\]", line)
            if header:
                section = header[1].replace(" ", "").replace('"', "")
            path = ".".join(where[:-1])
            if header and section in {path, ".".join(where)}:
                best = number
            if section == path and re.match(rf"\s*{re.escape(where[-1])}\s*=", line):
                return number
        return best


class _Text(str):
    """A value from the environment: read by the type of its setting."""

    __slots__ = ()


def _convert(raw: object, kind: Any, limits: tuple[float, float] | None) -> Any:  # noqa: ANN401
    value = _from_text(raw, kind) if isinstance(raw, _Text) else raw
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        if value not in set(kind):
            raise ValueError(f"must be one of {', '.join(kind)}, is {value!r}")
        return kind(str(value))
    if kind == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("must be a list of texts")
        return tuple(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"must be {_NAMES[kind]}, is {value!r}")
    if limits and isinstance(value, int | float) and not limits[0] <= value <= limits[1]:
        raise ValueError(f"must be from {limits[0]:g} to {limits[1]:g}, is {value!r}")
    return value


_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _from_text(raw: str, kind: Any) -> object:  # noqa: ANN401  a type or a generic alias
    try:
        if kind is int:
            return int(raw)
        if kind is float:
            return float(raw)
    except ValueError:
        return str(raw)
    if kind is bool:
        return {"true": True, "false": False}.get(raw.lower(), str(raw))
    if kind == tuple[str, ...]:
        return [part.strip() for part in raw.split(",") if part.strip()]
    return str(raw)
