"""Tests for which IP addresses are on the open internet."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.public_address import ip_address, is_public


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_judged_as_it_is(address: ipaddress.IPv4Address) -> None:
    assert is_public(address) == (address.is_global and not address.is_multicast)
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        within = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + int(address))
        assert is_public(within) == is_public(address)
    relayed = ipaddress.IPv6Address(int(ipaddress.IPv6Address("2002::")) + (int(address) << 80))
    assert is_public(address) or not is_public(relayed)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("224.0.0.1", False),
        ("[2606:4700::1111]", True),
        ("fe80::1%eth0", False),
        ("::ffff:127.0.0.1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("::ffff:0:8.8.8.8", False),
        ("64:ff9b:1::7f00:1", False),
        ("64:ff9b::8.8.8.8", True),
        ("fec0::1", False),
        ("2001:0:a00:1:0:0:f7f7:f7f7", False),  # Teredo: the server's address is private
    ],
)
def test_addresses_as_they_are_written(text: str, public: bool) -> None:
    found = ip_address(text)
    assert found is not None
    assert is_public(found) == public


def test_a_name_is_no_address() -> None:
    assert ip_address("example.com") is None
