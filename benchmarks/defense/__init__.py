"""Ours beside the rivals, in the same run: ``python -m benchmarks.defense --help``."""
