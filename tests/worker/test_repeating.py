"""What a worker made is found by who asks for the same."""

from __future__ import annotations

from service.defenses import repeating
from service.defenses.states import Status
from service.records import DefenseRecord
from tests.worker.conftest import Bench


def test_a_result_is_found_by_what_it_was_made_from(bench: Bench) -> None:
    first, second = bench.queued(), bench.queued()
    bench.runner().run(first)
    made = bench.row(first)
    assert made.status == Status.SUCCEEDED, made.error
    with bench.database.write() as session:
        record = session.get_one(DefenseRecord, second)
        for given in record.inputs:  # as a request's files have it
            assert given.blob is not None
            given.sha256 = given.blob.sha256
        session.flush()
        assert repeating.answer(session, record)
    again = bench.row(second)
    assert (again.status, again.answered_from) == (Status.SUCCEEDED, first)
    assert again.fingerprint == made.fingerprint
    one, other = bench.models()
    assert one.blob_id == other.blob_id
    assert one.alarm_blob_id == other.alarm_blob_id
    assert {one.defense_id, other.defense_id} == {first, second}
