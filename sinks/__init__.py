"""Far ends of a test: servers that take every message and know exactly what arrived."""
