"""From runs to what they mean: pure functions on arrays, without files, sockets or clocks."""
