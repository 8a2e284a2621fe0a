"""Which IP addresses are on the open internet: what someone else chose is asked for nowhere else."""

from __future__ import annotations

import ipaddress
from typing import Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFFFFFF


def ip_address(text: str) -> IpAddress | None:
    """An IP address as an address of the web or a resolver has it: in brackets, with a zone.

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
    return address.is_global and not address.is_multicast
