"""The light Python client for scripts and notebooks; imports nothing of the server."""
