"""What happened: mergeable values, written to a run folder and read from it."""
