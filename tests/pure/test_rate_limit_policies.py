"""Whom a request is counted for, and how limits are written down."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from controlplane.api.urls import urlpatterns as of_api
from controlplane.config.checks import rate_limits
from controlplane.config.limits.buckets import Limit
from controlplane.config.limits.policies import (
    is_counted,
    key_of,
    read_policies,
    subjects_of,
)
from controlplane.console.urls import urlpatterns as of_console
from controlplane.kernel.networks import customer_of
from controlplane.osb.urls import urlpatterns as of_broker
from tests.matrix import patterns_of

DEAR = {
    ("api", "kubeconfig"): "minting",
    ("api", "tokens"): "minting",
    ("api", "rotate-token"): "minting",
    ("api", "service-accounts"): "minting",
    ("api", "trials"): "trials",
    ("console", "kubeconfig"): "minting",
    ("console", "tokens"): "minting",
    ("console", "rotate-token"): "minting",
    ("console", "service-accounts"): "minting",
    ("console", "broker"): "minting",
    ("console", "rotate-broker"): "minting",
    ("console", "trial"): "trials",
    ("console", "trial-sign-in"): "trials",
    ("console", "trial-open-link"): "sign-in",
    ("console", "join"): "sign-in",
    ("console", "sign-in"): "sign-in",
    ("console", "sign-in-company"): "sign-in",
    ("console", "sign-in-with"): "sign-in",
    ("console", "sign-in-callback"): "sign-in",
    ("console", "sign-in-ended"): "sign-in",
    ("osb", "binding"): "minting",
    ("api", "invitations"): "invitations",
    ("api", "resend-invitation"): "invitations",
    ("console", "team"): "invitations",
    ("console", "resend-invitation"): "invitations",
    ("api", "tenants"): "invitations",
    ("api", "tenant-owner"): "invitations",
    ("console", "fleet-tenants"): "invitations",
    ("console", "fleet-tenant-owner"): "invitations",
}


def counted(method: str, path: str, **known: str) -> dict[str, str]:
    return subjects_of(method, path, **{"address": "", "credential": "", "tenant": "", **known})


def test_a_request_counts_for_its_address_its_token_and_its_tenant() -> None:
    found = counted("GET", "/api/v1/runtimes", address="192.0.2.1", credential="token x", tenant="t")
    assert found == {"address": "192.0.2.1", "token": "token x", "tenant": "t"}


def test_who_is_unknown_is_not_counted_together_with_others_that_are() -> None:
    assert counted("GET", "/") == {}
    assert counted("POST", "/sign-in") == {}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "20010db800010002"),
        ("2001:db8:1:2:ffff::1", "20010db800010002"),
        ("fe80::1%eth0", "fe80000000000000"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("no:address", "no:address"),
    ],
)
def test_one_ipv6_customer_is_one_address(address: str, network: str) -> None:
    assert customer_of(address) == network


def all_addresses() -> dict[tuple[str, str], str]:
    faces: dict[str, tuple[str, Any]] = {
        "api": ("/api/v1/", of_api),
        "console": ("/", of_console),
        "osb": ("/osb/", of_broker[0].url_patterns),
    }
    return {
        (face, str(one.name)): ("/osb/v2/" if face == "osb" else root) + as_path(str(one.pattern))
        for face, (root, patterns) in faces.items()
        for one in patterns_of(patterns)
    }


def as_path(route: str) -> str:
    parts = route.split("/")
    return "/".join("x1" if part.startswith("<") else part for part in parts)


def test_every_address_that_gives_credentials_or_lets_in_is_counted_more_strictly_and_no_other() -> None:
    found = {}
    for name, path in all_addresses().items():
        method = "PUT" if name[0] == "osb" else "POST"
        names = counted(method, path, address="a", credential="c").keys() - {"address", "token"}
        if names:
            found[name] = names.pop()
    assert found == DEAR


def test_looking_at_those_pages_is_not() -> None:
    for path in ("/sign-in", "/trial", "/tokens/", "/api/v1/tokens"):
        assert set(counted("GET", path, address="a", credential="c")) == {"address", "token"}


def test_minting_counts_for_the_token_and_without_one_for_the_address() -> None:
    path = "/api/v1/runtimes/x/kubeconfig"
    assert counted("POST", path, address="a", credential="c")["minting"] == "c"
    assert counted("POST", path, address="a")["minting"] == "a"


def test_probes_are_not_counted() -> None:
    assert [is_counted(path) for path in ("/healthz", "/readyz", "/metrics", "/", "/healthz/x")] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_limits_are_requests_in_seconds_and_an_empty_one_is_off() -> None:
    found = read_policies({"token": "1000/10", "address": ""})
    assert {name: policy.limit for name, policy in found.items()} == {"token": Limit(1000, 10)}


@pytest.mark.parametrize(
    "text", ["1000", "0/10", "10/0", "x/y", "1000/10s", "-1/10", "10/99999", "9999999/1"]
)
def test_what_is_no_limit_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="write requests/seconds, as 1000/10"):
        read_policies({"token": text})


def test_the_check_before_a_start_says_so_too(settings: Settings) -> None:
    assert rate_limits(None) == []
    settings.RATE_LIMITS = {"token": "many"}
    assert [found.id for found in rate_limits(None)] == ["nesoi.E011"]


def test_a_key_tells_nobody_whose_it_is() -> None:
    key = key_of("address", "192.0.2.1", b"secret")
    assert key.startswith("limit:address:")
    assert key != key_of("address", "192.0.2.1", b"other")
    assert key_of("address", "\udcff", b"secret")
