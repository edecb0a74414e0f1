"""The tests mirror the source; ``tests/servers`` starts the real servers that some of them need."""
