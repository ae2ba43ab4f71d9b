"""From where an import may read: the folders and hosts of the settings, and of hosts no address of a private network
unless that network is allowed too."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from unsilo.config.settings import Bulk

__all__ = ["address_of", "local", "refusal", "shown"]

Address = IPv4Address | IPv6Address
_PORTS = {"https": 443, "http": 80}
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that lead to the IPv4 address in their last 32 bits (RFC 6052)."""


def shown(url: str) -> str:
    """Return a URL as reports and the audit trail name it: without user, query and fragment, which may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a URL that cannot be read"
    text = parts.path if parts.scheme == "file" else f"{parts.hostname or ''}{port}{parts.path}"
    return "".join(c if c.isprintable() else "?" for c in f"{parts.scheme}://{text}")[:300]


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _named(parts: SplitResult, hosts: list[str]) -> bool:
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _PORTS[parts.scheme]
    wanted = {f"{host}:{port}", f"[{host}]:{port}"} | ({host} if port == _PORTS[parts.scheme] else set())
    return any(each.lower() in wanted for each in hosts)


def refusal(url: str, bulk: Bulk) -> str:
    """Return why nothing may be read from a URL by its words alone; empty when it may (the address is looked at later).

    `file:` needs a folder of `bulk.import_folders`, `https:` and `http:` a host of `bulk.import_hosts`.
    """
    parts = _parts(url)
    if parts is None or any(ord(c) < 33 for c in url):
        return "this is no URL"
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            return "a file is named as file:///FOLDER/FILE"
        return "" if local(url, bulk) is not None else "this is in no folder from which imports may read"
    if parts.scheme not in _PORTS:
        return "only https, http and file are read"
    if parts.username is not None or parts.password is not None:
        return "a URL carries no password"
    if not parts.hostname:
        return "this URL names no host"
    return "" if _named(parts, bulk.import_hosts) else "this is no host from which imports may read"


def local(url: str, bulk: Bulk) -> Path | None:
    """Return the file or folder of a `file:` URL, links followed, when it is in an allowed folder."""
    try:
        path = Path(unquote(urlsplit(url).path)).resolve()
        allowed = [Path(each).resolve() for each in bulk.import_folders]
    except (OSError, ValueError, RuntimeError):
        return None
    return path if any(path.is_relative_to(each) for each in allowed) else None


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in _TRANSLATED:
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def _within(address: Address, bulk: Bulk) -> bool:
    return any(address in ip_network(each) for each in bulk.import_networks)


def address_of(url: str, bulk: Bulk) -> tuple[str, str]:
    """Return (address, why not): the address to connect to, so that a name cannot lead elsewhere between look and use.

    Loopback, private, link-local and other addresses that are not public need a network of `bulk.import_networks`;
    so does `http:`, which anybody on the way can read.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return "", "this host has no address"
    why = "this host has no address"
    for _family, _kind, _protocol, _name, place in found:
        address = ip_address(str(place[0]).partition("%")[0])
        meant = _meant(address)
        if _within(meant, bulk):
            return str(address), ""
        if not meant.is_global or meant.is_multicast:
            why = "this host is in a private network, which is not allowed"
        elif parts.scheme != "https":
            why = "data from a public network is read by https only"
        else:
            return str(address), ""
    return "", why
