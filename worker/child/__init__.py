"""The process that reads strangers' files and computes; docs/architecture/03-worker.md."""
