"""Helpers that know nothing of NEAT: messages, validation, files."""
