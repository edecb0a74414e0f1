"""The trace of one job: recorded by the service, taken by a collector on loopback, drawn."""
