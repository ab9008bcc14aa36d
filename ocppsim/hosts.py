"""Names and addresses of machines."""

from __future__ import annotations

import ipaddress

__all__ = ["in_url", "is_address", "is_loopback"]


def is_address(host: str) -> bool:
    """Whether it is an IP address, without brackets; else it is a name, or nothing at all."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(bind: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return bind == "localhost" or (is_address(bind) and ipaddress.ip_address(bind).is_loopback)


def in_url(host: str) -> str:
    """`host` as it stands in a URL, before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
