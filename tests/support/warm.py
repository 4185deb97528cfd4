"""What every provider of a test process makes alike, made once: nothing of it differs or changes.

A test gets a provider of its own, and most of what that took was the compiling of the same
templates, of the same addresses and of the same SQL. Their source is compared (templates) or is the
key (addresses, SQL); which packages are installed is looked up once for each path that is searched.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule
from werkzeug.routing.rules import RulePart

from idp import authenticators
from idp import config as settings
from idp.config import Config
from idp.storage import database as databases
from idp.storage.database import Database


class _Templates(BytecodeCache):
    """Compiled templates in memory; a bucket that does not fit its source is thrown away."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._found:
            bucket.bytecode_from_string(self._found[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._found[bucket.key] = bucket.bytecode_to_string()


_TEMPLATES = _Templates()


def keep_templates(app: Flask) -> None:
    """Let this application take templates that another one compiled."""
    app.jinja_env.bytecode_cache = _TEMPLATES


class _Statements(dict[Any, Any]):
    """Compiled SQL of one driver: what it is compiled for is the same in each of our databases."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], value: Any) -> None:
        super().__setitem__(key[1:], value)


_statements: dict[str, _Statements] = defaultdict(_Statements)


# A new connection that takes three seconds says how busy the machine is: the page became one of
# error 503. Tests of a database that is away use processes of their own (tests/faults).
databases._POSTGRES = {**databases._POSTGRES, "connect_timeout": 60}  # type: ignore[misc]


def keep_statements(database: Database) -> Database:
    """Let this database take the SQL that another one of its kind compiled."""
    database.engine._compiled_cache = _statements[database.engine.name]
    return database


@cache
def _installed(group: str, path: tuple[str, ...]) -> EntryPoints:
    """The entry points of the packages on the path: a hundred files are read for them."""
    del path
    return entry_points(group=group)


def _entry_points(*, group: str) -> EntryPoints:
    return _installed(group, tuple(sys.path))


authenticators.entry_points = _entry_points  # type: ignore[attr-defined]


_compile, _parse = Rule._compile_builder, Rule._parse_rule
_builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}


def _builder(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What writes the address of a rule; it gets the rule itself with each call."""
    if self.defaults:
        return _compile(self, append_unknown)
    key = (self.rule, *self._trace, append_unknown)
    if key not in _builders:
        _builders[key] = _compile(self, append_unknown)
    return _builders[key]


_parsed: dict[str, tuple[list[RulePart], list[tuple[bool, str]]]] = {}


def _parts(self: Rule, rule: str) -> Iterator[RulePart]:
    """What an address without variables is made of, and what parsing it notes in the rule."""
    if "<" in rule:
        yield from _parse(self, rule)
        return
    if rule not in _parsed:
        before = len(self._trace)
        parts = list(_parse(self, rule))
        _parsed[rule] = parts, self._trace[before:]
        yield from parts
        return
    parts, noted = _parsed[rule]
    self._trace.extend(noted)
    yield from parts


Rule._compile_builder = _builder  # type: ignore[method-assign]
Rule._parse_rule = _parts  # type: ignore[method-assign]


@cache
def shipped() -> Config:
    """The settings as they are shipped."""
    return settings.load(Path(__file__).parents[2] / "config.toml", {})
