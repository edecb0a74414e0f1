"""See docs/architecture/01-the-house.md."""
