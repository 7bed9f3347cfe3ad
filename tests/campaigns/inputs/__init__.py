"""What `fuzz` attacks, a module for each kind of input."""
