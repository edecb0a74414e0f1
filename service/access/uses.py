"""When keys were used last: remembered by requests, written by housekeeping."""

from __future__ import annotations

from datetime import datetime

from service.access import repository
from service.database import Database

MOST = 4096


class Uses:
    """``note`` belongs to one event loop; ``flush`` to one other thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}

    def note(self, key_id: str, moment: datetime) -> None:
        """Costs a request nothing but this."""
        self._used[key_id] = moment

    def flush(self) -> None:
        """Writes at most once a minute a key; the database refuses what several processes would
        write more often."""
        used, self._used = self._used, {}
        due = {
            key_id: moment
            for key_id, moment in used.items()
            if moment - self._written.get(key_id, datetime.min.replace(tzinfo=moment.tzinfo))
            >= repository.USED_EVERY
        }
        for key_id in used.keys() - due.keys():  # their minute is not over
            self._used.setdefault(key_id, used[key_id])
        if not due:
            return
        with self._database.write() as session:
            repository.note_use(session, due)
        if len(self._written) > MOST:
            self._written.clear()
        self._written.update(due)
