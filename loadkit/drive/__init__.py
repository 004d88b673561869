"""Sends what a scenario says: sessions as callbacks on Locust's own event loop; the only package that imports Locust."""
