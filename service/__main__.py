"""``python -m service``: migrate, api, serve, reap."""
