"""Is the clean set fit to repair with? Measured with the base model, before time is spent."""

from polarizer.cleanset.checking import check
from polarizer.cleanset.report import CleanSetReport, Finding, Severity

__all__ = ["CleanSetReport", "Finding", "Severity", "check"]
