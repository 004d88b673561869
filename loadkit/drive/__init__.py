"""Sends what a scenario says, on Locust's own event loop; the only package that imports Locust."""
