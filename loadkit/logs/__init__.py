"""Mail logs into scenarios: what a server's log says about its load, as distributions and nothing else."""
