"""The command `study`, which compares settings on experiments over many seeds."""
