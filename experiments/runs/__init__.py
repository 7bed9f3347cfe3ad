"""Runs and studies: their folders, descriptions and tables."""
