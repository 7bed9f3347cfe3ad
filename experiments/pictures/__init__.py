"""Curves of what a champion does."""
