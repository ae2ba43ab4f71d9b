"""The MLLP source: frames cut in bytes, a server for many connections."""

from unsilo.sources.mllp.frames import Frame, Framer, wrap
from unsilo.sources.mllp.server import MllpServer, Node, tls_context

__all__ = ["Frame", "Framer", "MllpServer", "Node", "tls_context", "wrap"]
