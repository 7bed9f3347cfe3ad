"""Compile kernels and run them on threads, with random numbers and elementary functions for them."""
