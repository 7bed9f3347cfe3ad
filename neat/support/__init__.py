"""Helpers that do not depend on NEAT: messages, validation, files."""
