"""Observes the host of a target, in a process of its own."""
