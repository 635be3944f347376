"""A client can write any X-Forwarded-For; only what proxies of ours wrote counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.config.proxies import TrustedProxies

NOBODY = TrustedProxies.read([])
ONE = TrustedProxies.read(["1"])
TWO = TrustedProxies.read(["2"])
OURS = TrustedProxies.read(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("proxies", "peer", "header", "client"),
    [
        (NOBODY, "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (ONE, "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (ONE, "10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (ONE, "", "198.51.100.1", "198.51.100.1"),
        (ONE, "10.0.0.1", "", "10.0.0.1"),
        (ONE, "10.0.0.1", "unknown", "10.0.0.1"),
        (TWO, "10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (TWO, "10.0.0.1", "198.51.100.1", "10.0.0.1"),
        (OURS, "10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (OURS, "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (OURS, "10.0.0.1", "garbage, 10.0.0.2", "10.0.0.2"),
        (OURS, "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (OURS, "fd00::1", "2001:db8::7", "2001:db8::7"),
        (OURS, "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        (OURS, "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        (OURS, "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy_of_ours(
    proxies: TrustedProxies, peer: str, header: str, client: str
) -> None:
    assert proxies.client(peer, header) == client


@given(invented=st.text(max_size=200))
@pytest.mark.parametrize("proxies", [ONE, OURS], ids=["hops", "networks"])
def test_nothing_that_a_client_invents_changes_its_address(proxies: TrustedProxies, invented: str) -> None:
    assert proxies.client("10.0.0.1", f"{invented}, 198.51.100.1") == "198.51.100.1"


@pytest.mark.parametrize("written", [["0.0.0.0/0"], ["::/0"], ["proxy.example"], ["10.0.0.1/8"], ["1", "2"]])
def test_what_would_trust_everybody_or_means_nothing_is_refused(written: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^TRUSTED_PROXIES "):
        TrustedProxies.read(written)
