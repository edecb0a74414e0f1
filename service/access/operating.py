"""What the commands of the operator at the host have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.orm import Session

from service.access.callers import operator
from service.database import Database
from service.settings import Settings

Open = Callable[[Path | None], AbstractContextManager[tuple[Settings, Database]]]
"""Settings and database while the block runs; its errors become messages."""

DataDir = Annotated[Path | None, typer.Option(help="folder of everything embedded")]
AnyTenant = Annotated[str | None, typer.Option(help="whose only")]

T = TypeVar("T")


@contextmanager
def changing(opened: Open, data_dir: Path | None, action: str, tenant: str) -> Iterator[Session]:
    """A transaction of the operator's, which the audit log has as ``action``."""
    with (
        opened(data_dir) as (_, database),
        operator(action, tenant),
        database.write() as session,
    ):
        yield session


def given(**options: T | None) -> dict[str, T]:
    """Those options that were given."""
    return {name: value for name, value in options.items() if value is not None}
