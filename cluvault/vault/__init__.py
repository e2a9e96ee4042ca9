"""Snapshots over an object store."""
