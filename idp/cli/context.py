"""What every command starts from: the settings, and the house they describe."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp import config as settings
from idp.config import Config
from idp.domain.errors import DomainError

if TYPE_CHECKING:
    from idp.app import Foundation

DEFAULT = Path("config.toml")


def load(ctx: click.Context) -> Config:
    """Read the settings. Raises ``ConfigError``."""
    return settings.load(ctx.obj, os.environ)


def foundation(ctx: click.Context) -> Foundation:
    """Everything below the pages, as these settings describe it. Raises ``ConfigError``."""
    from idp import app  # noqa: PLC0415  heavy

    return app.found(load(ctx))


def counted(ctx: click.Context, role: str) -> Foundation:
    """The same for a process whose counters `/metrics` shows. Raises ``ConfigError``."""
    from idp import app, metrics  # noqa: PLC0415  heavy

    config = load(ctx)
    return app.found(config, meter=metrics.open_in(config.metrics_folder, role))


def say_why(work: Callable[[], None]) -> None:
    """Do it, or say in one sentence why not."""
    try:
        work()
    except DomainError as error:
        raise click.ClickException(error.code) from error
