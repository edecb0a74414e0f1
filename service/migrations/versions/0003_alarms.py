"""what a model needs to raise an alarm"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alarm", sa.JSON(), nullable=True))
        batch_op.add_column(
            sa.Column("alarm_on", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch_op.add_column(sa.Column("alarm_blob_id", sa.String(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_models_alarm_blob_id"), "blobs", ["alarm_blob_id"], ["id"]
        )
        batch_op.create_index(
            batch_op.f("ix_models_alarm_blob_id"), ["alarm_blob_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_models_alarm_blob_id"))
        batch_op.drop_constraint(batch_op.f("fk_models_alarm_blob_id"), type_="foreignkey")
        batch_op.drop_column("alarm_blob_id")
        batch_op.drop_column("alarm_on")
        batch_op.drop_column("alarm")
