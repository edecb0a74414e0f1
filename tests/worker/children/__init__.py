"""Children that misbehave, each run as a script in place of ``worker.child``."""
