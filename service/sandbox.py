"""At the start of a worker or an API: is the sandbox whole, and may one go on if it is not?"""

from __future__ import annotations

import structlog

from confinement import Mode, SandboxError, landlock, trial

log = structlog.get_logger()


def check_sandbox(mode: Mode) -> None:
    """Says once what is missing. Raises SandboxError when it is required."""
    if mode is Mode.OFF:
        log.warning("sandbox_off", reason="POLARIZER_SANDBOX=off")
        return
    missing = trial.missing_parts()
    if not missing:
        log.info("sandbox_ready", landlock=landlock.version())
        return
    if mode is Mode.REQUIRE:
        raise SandboxError(
            f"POLARIZER_SANDBOX=require, but this machine lacks {', '.join(missing)}: use a kernel"
            " that has it, or POLARIZER_SANDBOX=warn to work without"
        )
    log.warning("sandbox_not_whole", missing=missing)
