"""The company's network: proxy, exceptions from it, certificates."""

import ssl
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from gitops_bot.config import NetworkSettings
from gitops_bot.errors import SettingsError


def proxy_for(address: str, network: NetworkSettings) -> str | None:
    """Give the proxy for an address, None for a direct way. slack-sdk itself knows no exceptions.

    An entry of ``no_proxy`` is a host, a suffix of hosts (with or without a dot before it), an
    address, a range of addresses, or ``*``; a port may follow.
    """
    parts = urlsplit(address)
    port = parts.port or {"http": 80, "ws": 80}.get(parts.scheme, 443)
    if not network.proxy or any(_names(entry, parts.hostname or "", port) for entry in network.no_proxy):
        return None
    return network.proxy


def _names(entry: str, host: str, port: int) -> bool:
    """Whether an entry of ``no_proxy`` means this host."""
    entry = entry.strip().lower()
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and ":" not in name:
        if int(wanted) != port:
            return False
        entry = name
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        suffix = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or (bool(suffix) and (host == suffix or host.endswith(f".{suffix}")))


def certificates(network: NetworkSettings) -> ssl.SSLContext:
    """Trust what the system trusts, and the company's own authority; SettingsError when that cannot be read."""
    context = ssl.create_default_context()
    if network.ca_file is not None:
        try:
            context.load_verify_locations(network.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"network.ca_file: {network.ca_file} cannot be read as certificates ({error.strerror or error}). "
                "Name a file with certificates in PEM form."
            ) from error
    return context
