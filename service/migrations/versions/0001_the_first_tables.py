"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shared_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
    )
    with op.batch_alter_table("blobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_blobs_sha256"), ["sha256"], unique=False)

    op.create_table(
        "defenses",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=True),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("estimated_finish_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("report_blob_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_blob_id"], ["blobs.id"], name=op.f("fk_defenses_report_blob_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_defenses")),
    )
    with op.batch_alter_table("defenses", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_defenses_report_blob_id"), ["report_blob_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_defenses_status_id"), ["status", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_defenses_tenant_id"), ["tenant", "id"], unique=False)

    op.create_table(
        "uploads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("blob_id", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_uploads_blob_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploads_blob_id"), ["blob_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_uploads_tenant_id"), ["tenant", "id"], unique=False)

    op.create_table(
        "defense_inputs",
        sa.Column("defense_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("blob_id", sa.String(), nullable=True),
        sa.Column("uri", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("filename", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_defense_inputs_blob_id")),
        sa.ForeignKeyConstraint(
            ["defense_id"],
            ["defenses.id"],
            name=op.f("fk_defense_inputs_defense_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("defense_id", "role", name=op.f("pk_defense_inputs")),
    )
    with op.batch_alter_table("defense_inputs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_defense_inputs_blob_id"), ["blob_id"], unique=False)

    op.create_table(
        "events",
        sa.Column("defense_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["defense_id"], ["defenses.id"], name=op.f("fk_events_defense_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("defense_id", "sequence", name=op.f("pk_events")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("payload_sha256", sa.String(), nullable=False),
        sa.Column("defense_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["defense_id"],
            ["defenses.id"],
            name=op.f("fk_idempotency_keys_defense_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotency_keys_defense_id"), ["defense_id"], unique=False
        )

    op.create_table(
        "models",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("defense_id", sa.String(), nullable=True),
        sa.Column("blob_id", sa.String(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name=op.f("fk_models_blob_id")),
        sa.ForeignKeyConstraint(
            ["defense_id"], ["defenses.id"], name=op.f("fk_models_defense_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("defense_id", name=op.f("uq_models_defense_id")),
    )
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_models_blob_id"), ["blob_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_models_tenant_id"), ["tenant", "id"], unique=False)


def downgrade() -> None:
    for table in (
        "models",
        "idempotency_keys",
        "events",
        "defense_inputs",
        "uploads",
        "defenses",
        "blobs",
    ):
        op.drop_table(table)
