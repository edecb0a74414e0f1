"""A large upload through the service: what it takes of the web process's memory, and how fast it is
beside the store's own ``put`` of the same file, measured in turn in the same run.

| module | one idea |
|---|---|
| ``stores.py`` | a folder, and a real S3 server on loopback |
| ``measuring.py`` | one upload, in one piece or in parts; the memory of the process that takes it |
| ``page.py`` | docs/benchmarks/uploads.md |
"""
