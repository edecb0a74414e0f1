"""Conditions over a report, and what came of them for machines."""
