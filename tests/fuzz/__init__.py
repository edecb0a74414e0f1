"""Fuzzing: files for every parser and requests for every operation.

``python -m tests.fuzz`` (``make fuzz``) runs both for long, the tests here for seconds. A file must
be read or refused by one of our own errors, within bounded time and memory; a request must be
answered as the OpenAPI document says, and never by a 5xx.
"""
