"""The ``polarizer`` command."""
