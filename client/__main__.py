"""``python -m client`` is ``polarizer``."""

from __future__ import annotations

from client.command.app import main

if __name__ == "__main__":
    main()
