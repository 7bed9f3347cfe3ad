"""Evaluation of a population by workers: processes of an executor, or actors of a Ray cluster."""
