"""Alembic's entry: runs migrations on the connection that Database.migrate hands over."""

from alembic import context

from service.records import Record, UtcDateTime

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Record.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=lambda kind, item, _: (
        "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False
    ),
)
with context.begin_transaction():
    context.run_migrations()
