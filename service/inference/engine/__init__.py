"""The inference engine: a process of its own, the only part of the service that loads torch.

See docs/architecture/04-inference.md.
"""
