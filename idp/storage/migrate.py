"""Migrations (Alembic), driven from here: there is no alembic.ini to keep in step."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

_FOLDER = Path(__file__).parent / "migrations"


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str) -> None:
    """Bring the schema to the newest revision."""
    command.upgrade(_config(database_url), "head")


def upgrade_sql(database_url: str) -> None:
    """Print the statements that ``upgrade`` would run, for a database administrator."""
    command.upgrade(_config(database_url), "head", sql=True)


def head() -> str | None:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(_config("")).get_current_head()


def current(database_url: str) -> str | None:
    """The revision that the database has."""
    engine = create_engine(database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
