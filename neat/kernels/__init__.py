"""What compiled code is made with: numba's builds, threads, random numbers, elementary functions."""
