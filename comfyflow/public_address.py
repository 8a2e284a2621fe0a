"""Which IP addresses are on the open internet: an address that someone else chose must be one of them."""

from __future__ import annotations

import ipaddress
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFFFFFF
_LOCAL: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "::/96",  # compatible with IPv4, obsolete
        "::ffff:0:0:0/96",  # translated from IPv4
        "64:ff9b:1::/48",  # local NAT64, RFC 8215
        "fec0::/10",  # site-local, obsolete
    )
)
"""What leads into a private network, and is not private for `ipaddress` in each version of Python."""


def ip_address(text: str) -> IpAddress | None:
    """Parse an IP address as URLs and resolvers write it: possibly in brackets, or with a zone.

    Args:
        text: The address.

    Returns:
        The address; None if it is something else, such as a name.
    """
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_public(address: IpAddress) -> bool:
    """Whether an IP address is public, and so is each address embedded in it.

    Args:
        address: The address.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)  # only newer versions of Python see what is mapped
        inner = [address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & _IPV4_BITS))
        if not all(is_public(each) for each in inner if each is not None):
            return False
        if any(address in network for network in _LOCAL):
            return False
    return address.is_global and not address.is_multicast
