"""What every provider of a test process makes alike, made once: nothing of it differs or changes.

A test gets a provider of its own, and most of what that took was the compiling of the same
templates and of the same addresses. Their source is compared (templates) or is the key (addresses).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from idp import config as settings
from idp.config import Config


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


_compile = Rule._compile_builder
_builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}


def _builder(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What writes the address of a rule; it gets the rule itself with each call."""
    if self.defaults:
        return _compile(self, append_unknown)
    key = (self.rule, *self._trace, append_unknown)
    if key not in _builders:
        _builders[key] = _compile(self, append_unknown)
    return _builders[key]


Rule._compile_builder = _builder  # type: ignore[method-assign]


@cache
def shipped() -> Config:
    """The settings as they are shipped."""
    return settings.load(Path(__file__).parents[2] / "config.toml", {})
