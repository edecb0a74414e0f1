"""Tells others what became of a defense: Standard Webhooks 1.0, at least once."""
