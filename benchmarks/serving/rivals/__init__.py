"""Servers of others, each started in its own environment as its documentation advises."""
