"""Every change of a defense's state goes through here: one guarded UPDATE, one event, together.

A worker's changes carry the attempt number that its claim gave it. When the row has moved on (its
lease ran out and another worker took it, or it was cancelled and reaped), the UPDATE matches
nothing and :class:`LostLeaseError` tells the worker to stop and write nothing.

    changes.py   the one place where a row changes its state
    clock.py     the database's clock as a part of a statement
    asking.py    by a user: add, insert, request_cancel
    rows.py      the rows of what was added
    turns.py     whose job is next
    attempts.py  by a worker: claim_next, then renew, report, and one of the ends
    recovery.py  by the reaper
"""

from service.defenses.lifecycle.asking import add, insert, request_cancel
from service.defenses.lifecycle.attempts import (
    claim,
    claim_next,
    confirm_cancel,
    fail,
    hand_back,
    renew,
    report,
    reported,
    succeed,
)
from service.defenses.lifecycle.changes import Lease, LostLeaseError
from service.defenses.lifecycle.recovery import (
    count_waiting,
    expired,
    mark_woken,
    take_from_lost_worker,
    take_unwoken,
)
from service.defenses.lifecycle.rows import Question

__all__ = [
    "Lease",
    "LostLeaseError",
    "Question",
    "add",
    "claim",
    "claim_next",
    "confirm_cancel",
    "count_waiting",
    "expired",
    "fail",
    "hand_back",
    "insert",
    "mark_woken",
    "renew",
    "report",
    "reported",
    "request_cancel",
    "succeed",
    "take_from_lost_worker",
    "take_unwoken",
]
