"""multipart: uploads in parts, and the parts that came"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "multipart_uploads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("part_size", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.String(), nullable=True),
        sa.Column("handle", sa.String(), nullable=True),
        sa.Column("blob_id", sa.String(), nullable=True),
        sa.Column("upload_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_id"], ["blobs.id"], name=op.f("fk_multipart_uploads_blob_id")
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"],
            ["uploads.id"],
            name=op.f("fk_multipart_uploads_upload_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_multipart_uploads")),
    )
    with op.batch_alter_table("multipart_uploads", schema=None) as batch_op:
        for columns in (["blob_id"], ["upload_id"], ["expires_at"], ["tenant", "id"]):
            name = batch_op.f(f"ix_multipart_uploads_{'_'.join(columns)}")
            batch_op.create_index(name, columns, unique=False)

    op.create_table(
        "multipart_parts",
        sa.Column("multipart_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["multipart_id"],
            ["multipart_uploads.id"],
            name=op.f("fk_multipart_parts_multipart_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("multipart_id", "number", name=op.f("pk_multipart_parts")),
    )


def downgrade() -> None:
    op.drop_table("multipart_parts")
    op.drop_table("multipart_uploads")
