"""Which chains of certificates are good: the same under every Python."""

import ssl

__all__ = ["trusting"]


def trusting(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a default context judge chains as Python 3.11 and 3.12 do.

    From 3.13 on it refuses authorities without the extension `keyUsage`, as many hospitals' own are, and takes an
    intermediate certificate for a root. Whom to trust is what the settings name; no feed stops because the machine has
    got a newer Python.
    """
    context.verify_flags &= ~(ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN)
    return context
