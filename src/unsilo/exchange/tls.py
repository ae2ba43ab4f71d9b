"""The TLS context towards a receiver."""

import ssl

from unsilo.config.exchange import OutTls
from unsilo.config.trust import trusting

__all__ = ["context"]


def context(tls: OutTls | None) -> ssl.SSLContext | None:
    """Return a context of TLS 1.2 or newer that checks the receiver's certificate and name; None without TLS.

    `ca` replaces the machine's own authorities; `certificate` and `key` are shown to a receiver that asks. OSError
    or ssl.SSLError when a file cannot be used.
    """
    if tls is None:
        return None
    made = trusting(ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=tls.ca or None))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate:
        password = tls.key_password
        made.load_cert_chain(tls.certificate, tls.key or None, (lambda: password) if password else None)
    return made
