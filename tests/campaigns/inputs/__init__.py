"""The inputs of `fuzz`, a module for each kind."""
