"""Alembic's entry: both databases, one metadata."""

from alembic import context
from sqlalchemy import create_engine, pool

from idp.storage.models import Base

_url = context.config.attributes["database_url"]


def _run() -> None:
    if context.is_offline_mode():
        context.configure(url=_url, target_metadata=Base.metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = create_engine(_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()


_run()
