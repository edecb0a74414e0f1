"""The whole service under load while its parts are killed, stopped and cut off, and the proof
afterwards that nothing was lost: ``make faults``, or ``python -m tests.faults``.

| file | one idea |
|---|---|
| ``stack.py``, ``parts.py`` | every part a process on loopback, cut-off-able from every other |
| ``wires.py`` | connections that are refused, hang, break, answer 500 or slowly |
| ``points.py``, ``under.py`` | a part that dies, sleeps or finds its disk full at a named step |
| ``clocks.py``, ``light_child.py`` | clocks that are wrong; jobs that take a moment |
| ``load.py``, ``talk.py``, ``promises.py`` | clients, and what they were promised |
| ``faults.py``, ``schedule.py`` | what is done to the parts, and when |
| ``audit.py``, ``evidence.py`` | what must be true of the database and the store in the end |
| ``migrations.py`` | a migration that is killed at every step |
| ``backup.py`` | a backup, restored elsewhere and audited again |
"""
