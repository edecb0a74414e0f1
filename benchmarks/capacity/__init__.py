"""A model of the service's load, and a simulation of it, past what this machine can run."""
