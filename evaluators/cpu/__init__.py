"""The engine for the CPU's cores."""
