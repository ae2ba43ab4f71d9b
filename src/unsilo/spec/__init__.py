"""Packed facts of the standards and their loaders."""
