"""Prefect tasks: one unit of work each."""
