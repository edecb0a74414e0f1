"""Makes docs/benchmarks/scale.md from the committed results.

python -m benchmarks.scale.page
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.scale.figures import figures, table

PAGE = Path("docs/benchmarks/scale.md")
RESULTS = Path("benchmarks/results/scale.json")
PARTS = ("throughput", "overhead", "creates", "rows", "fairness")
INTRODUCTION = """\
# Throughput, overhead, fairness

`make bench-scale` starts real Redis, PostgreSQL, API and worker processes on loopback.

- **Jobs an hour**: the real worker with a job that takes a fixed wall time and next to none of the
  processor, so that the machine's cores are not the limit. All jobs wait when the workers start;
  the time runs from the first job that began to the last that ended.
- **Seconds that the service adds to a job**: the real worker and the real child, on a small
  network. From the row's `created_at` to its `finished_at`, less the seconds that the report says
  the job's stages took. *warm*: a child had loaded what it needs before there was a job
  ([03-worker.md](../architecture/03-worker.md#warm-children)); *cold*: it is started for the job.
- **Creates a second**: `POST /v1/defenses` with JSON that names two uploads, to one API process,
  from eight connections that stay open (*a second*, *milliseconds of processor*) and at random
  moments (*p99*, from the moment that each was due). Beside it, in turn and on the same servers,
  FastAPI and SQLAlchemy with one endpoint that inserts one row.
- **Rows**: the same act on a database of a thousand defenses and on one of a million (fewer in a
  short run), in turn, 100 times each; medians. PostgreSQL's rows were filled in by
  `generate_series`, and analysed.
- **Fairness**: one worker, one job at a time.

PostgreSQL runs without `fsync` here, as in the tests: its disk is not what is measured.
"""

REMARKS = """\
## Where a create's time goes

Measured in turn on the same servers, before and after, ten times a second of eight connections to
each, on a busy machine, where the bare insert came to 1,050 a second (medians). Before: 114 creates
a second, 5.5 ms of processor each, p99 135 ms. Then: 198, 3.8 ms, 73 ms. The last two steps below,
all on one core that other programs used, too (so its figures are smaller than those above): 4.3 ms
of processor and 17 changes of process or thread a create before, 3.9 ms and 11 after; 168 a second,
and 180.

What it was spent on, by `cProfile` and by samples of who holds Python's lock (`py-spy --gil`):

- **Exchanges with PostgreSQL**, each of which is a change of process. They were seven a create; one
  asked whether the connection is still there, which the socket tells, too (`service/answering.py`).
  Then there were four: BEGIN, the uploads, COMMIT, and one statement for the defense, its inputs,
  its first event, its entry in the audit log and the look for an earlier result
  (`service/defenses/lifecycle/rows.py`). Now there are two, since that statement is a transaction
  by itself; with limits of the tenant's there are seven, with an Idempotency-Key eight.
- **Calls of Python functions**: 1,940 in the domain, of 2,840. Uploads are read as columns, NULLs
  are left out; a statement of more than 50 parameters psycopg takes apart anew each time.
- **Connections** that were closed after every burst of more than five requests.
- **Wake-ups**, each an exchange with Redis and a change of thread. Of 3.9 ms for a create in a busy
  process, 1.4 were gone without the wake-up (and of the other 2.5: 1.6 in the domain, 0.2 for the
  change to its thread, 0.6 in what FastAPI and the layers around do). Those that come while others
  are on their way now go together (`service/waking.py`): three a time, with eight connections.
- **Threads**: of 3.3 ms of processor for a create alone, one goes into changing to the thread that
  asks the database and to the one that wakes a worker, and 0.7 ms into the wake-up through Celery.

Tried and left out, since nothing came of it in turn with the others: few threads for all creates
(two: 216 a second; as many as come: 272; in a quieter hour), a pool of our own whose threads stay
awake, one thread for the commit and the wake-up, a rarer garbage collection.

A look (`GET`) takes two exchanges, of five: it begins no transaction.

What a create has and a bare insert has not: its uploads are looked up, and not without their bytes
is it written, an earlier result of the same job is looked for, the first event and the entry of the
audit log are written with it, and a worker is woken. API processes share nothing, so
more of them take more.

**The 99th percentile at 200 a second is missed.** Three rounds took 218, 231 and 283 a second of
eight connections that wait for their answers (p99 67, 61 and 49 ms). At 200 a second at random
moments such a process is busy for seven to nine tenths of the time; whatever comes in a burst
waits for the burst, and the more threads do so, the more they take Python's lock from each other:
p99 281, 370 and 99 ms. At 118 a second it was 34 ms before the last steps. Two API processes are
the answer today; a bound on how many creates are in the domain at a time was not tried under such
load.

## Where a job's time goes

Of a small job on a warm child (0.9 s from its row to its result, on the busy machine): 0.05 s until
a worker has it, 0.07 s until its process is told of it, 0.65 s in the process, 0.08 s until that is
gone, 0.1 s until its files are stored and its row is written. It was 5.7 s, when torch's compiler
was loaded in the middle of the job: each of its 800 modules is a file that the confined process may
only open once the worker has been asked about it. The worker itself took 0.27 s of processor a job
then, and takes 0.07 s now.

## Where a cold child's time goes

Loading its code takes 1.5 s (`python -X importtime`): 1.2 s for torch, 0.17 s for the classes of
requests and reports, the rest for NumPy, Pillow and what is ours. Torch's compiler, which a
decorator loaded although nothing is compiled there, is not among it any more.
"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    options.page.write_text(written(json.loads(options.results.read_text())))
    print(f"wrote {options.page}")


def written(results: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [
        INTRODUCTION,
        "## Conditions",
        "",
        *(f"- {name}: {_conditions(about)}" for name, about in results["about"].items()),
        "",
        "## Figures",
        "",
        *table(figures(results)),
        *_lacking(results),
        "",
        REMARKS.rstrip(),
    ]
    return "\n".join(parts) + "\n"


def _lacking(results: Mapping[str, Any]) -> list[str]:
    """Parts that nobody has measured to the end."""
    lacking = [name for name in PARTS if name not in results]
    return ["", f"Not measured yet: {', '.join(lacking)}."] if lacking else []


def _conditions(about: Mapping[str, Any]) -> str:
    quick = " A short run." if about["quick"] else ""
    return (
        f"{about['processor']}, {about['cores']} cores, Python {about['python']}, {about['day']};"
        f" load average {about['load_average']} at the end.{quick} {about['conditions']}"
    ).strip()


if __name__ == "__main__":
    main()
