"""turns: priorities and queues, and indices by which the next job is found among very many"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WAITING = sa.text("status = 'queued'")
LEASED = sa.text("status IN ('running', 'cancelling')")


def upgrade() -> None:
    op.add_column(
        "defenses", sa.Column("priority", sa.Integer(), nullable=False, server_default="5")
    )
    op.add_column(
        "defenses", sa.Column("queue", sa.String(length=16), nullable=False, server_default="cpu")
    )
    op.drop_index("ix_defenses_status_id", table_name="defenses")
    op.create_index("ix_defenses_tenant_status_id", "defenses", ["tenant", "status", "id"])
    op.create_index(
        "ix_defenses_queue_tenant_started_at", "defenses", ["queue", "tenant", "started_at"]
    )
    op.create_index(
        "ix_defenses_waiting",
        "defenses",
        ["queue", "tenant", sa.text("priority DESC"), "id"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    op.create_index(
        "ix_defenses_leased",
        "defenses",
        ["queue", "tenant"],
        postgresql_where=LEASED,
        sqlite_where=LEASED,
    )


def downgrade() -> None:
    for name in ("leased", "waiting", "queue_tenant_started_at", "tenant_status_id"):
        op.drop_index(f"ix_defenses_{name}", table_name="defenses")
    op.create_index("ix_defenses_status_id", "defenses", ["status", "id"])
    with op.batch_alter_table("defenses", schema=None) as batch_op:
        batch_op.drop_column("queue")
        batch_op.drop_column("priority")
