"""Prefect flows: what runs, in which order, what is reported."""
