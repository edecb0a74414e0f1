"""A bench of real backdoors: ``python -m benchmarks.attacks --help``."""
