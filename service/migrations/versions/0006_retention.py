"""retention: how long a tenant's things are kept, what was erased, what answers a repetition"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retention", sa.JSON(), nullable=True))
    with op.batch_alter_table("defenses", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fingerprint", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("answered_from", sa.String(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_defenses_tenant_fingerprint"), ["tenant", "fingerprint"], unique=False
        )

    op.create_table(
        "erasures",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    with op.batch_alter_table("erasures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_erasures_tenant_id"), ["tenant", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_erasures_finished_at"), ["finished_at"], unique=False)

    op.create_table(
        "erased",
        sa.Column("erasure_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=400), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["erasure_id"],
            ["erasures.id"],
            name=op.f("fk_erased_erasure_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("erasure_id", "sequence", name=op.f("pk_erased")),
    )


def downgrade() -> None:
    op.drop_table("erased")
    op.drop_table("erasures")
    with op.batch_alter_table("defenses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_defenses_tenant_fingerprint"))
        batch_op.drop_column("answered_from")
        batch_op.drop_column("fingerprint")
    with op.batch_alter_table("tenants", schema=None) as batch_op:
        batch_op.drop_column("retention")
