"""What runs mean: pure functions on arrays, without I/O; results are frozen, read well and have a `to_dict`."""
