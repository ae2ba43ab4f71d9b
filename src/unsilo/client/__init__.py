"""The light Python client for scripts and notebooks; imports nothing of the server."""

from unsilo.client.client import Client, ClientError

__all__ = ["Client", "ClientError"]
