"""Episodes of a network in an environment."""
