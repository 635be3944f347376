"""However a person writes their address, they are one person, and colleagues are one organisation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.kernel.errors import Refused
from controlplane.trials.addresses import read_address
from controlplane.trials.velocity import network_of

SAME = [
    ("ada@example.org", "ADA@Example.ORG"),
    ("ada@example.org", "ada+trial2@example.org"),
    ("ada@example.org", " ada@example.org. "),
    ("ada.lovelace@gmail.com", "adalovelace@gmail.com"),
    ("ada.lovelace@gmail.com", "a.d.a.lovelace+x@googlemail.com"),
    ("ada@yahoo.com", "ada-shop@yahoo.com"),
    ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ("ada@BÜCHER.example", "ada@bu\u0308cher.example"),
    ("\uff41da@example.org", "ada@example.org"),
    ("ada@example\u3002org", "ada@example.org"),
]
OTHERS = [
    ("ada@example.org", "bob@example.org"),
    ("ada@example.org", "ada@example.com"),
    ("a.da@example.org", "ada@example.org"),
    ("ada-shop@example.org", "ada@example.org"),
]
NONE = [
    "", "ada", "@example.org", "ada@", "ada@localhost", "ada@127.0.0.1", "ada@[127.0.0.1]", "a b@example.org",
    "ada@exa mple.org", "ada@example..org", "ada@-example.org", "ada\n@example.org", "ada@example.org\nBcc: x@y.org",
    "ada,bob@example.org", "<ada>@example.org", "a" * 65 + "@example.org", "ada@" + "a" * 64 + ".org",
    "ada@" + "a." * 130 + "org", "ada\u200b@example.org", "ada@exam_ple.org",
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), SAME)
def test_two_ways_to_write_one_address_are_one_person(first: str, second: str) -> None:
    assert read_address(first).person == read_address(second).person


@pytest.mark.parametrize(("first", "second"), OTHERS)
def test_two_people_are_two(first: str, second: str) -> None:
    assert read_address(first).person != read_address(second).person


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_address(text)
    assert refusal.value.code == "email_invalid"


@pytest.mark.parametrize(
    ("address", "organisation"),
    [
        ("ada@example.org", "example.org"),
        ("ada@mail.berlin.example.org", "example.org"),
        ("ada@shop.example.co.uk", "example.co.uk"),
        ("ada@example.co.uk", "example.co.uk"),
        ("ada@gmail.com", ""),
        ("ada@yahoo.co.uk", ""),
        ("ada@web.de", ""),
    ],
)
def test_an_organisation_is_its_registered_domain(address: str, organisation: str) -> None:
    assert read_address(address).organisation == organisation


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        found = read_address(text)
    except Refused:
        return
    assert found.deliver_to.isprintable()
    assert len(found.person) == 32


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_neighbours_share_a_network(client: str, network: str) -> None:
    assert network_of(client) == network
