"""Migrations go up and down on a real server, and end where the models are."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from dcarbon.db import migrate
from dcarbon.db.tables import metadata


def test_the_migrated_schema_is_the_one_the_models_describe(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_described})
        difference = compare_metadata(context, metadata)

    assert difference == []
    assert migrate.current(engine) == migrate.head()


def test_migrations_go_down_to_nothing_and_up_again(engine: Engine) -> None:
    migrate.downgrade(engine, "base")

    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert inspect(engine).get_view_names() == []

    migrate.upgrade(engine)

    assert "interval_days" in inspect(engine).get_table_names()
    assert inspect(engine).get_view_names() == ["intervals"]


@pytest.mark.parametrize(
    "change", ["delete from audit_entries", "update audit_entries set seq = 1"]
)
def test_the_audit_log_refuses_change(engine: Engine, change: str) -> None:
    with engine.connect() as connection, pytest.raises(ProgrammingError, match="insert-only"):
        connection.execute(text(change))


def _is_described(name: str | None, type_: str, _parents: object) -> bool:
    """Leave out the parts of partitioned tables: they are like the whole."""
    return type_ != "table" or name != "interval_days_rest"
