"""What a Gardener landscape's settings say, and how long a Shoot's name may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.kernel.errors import Fatal

# Gardener's Shoot validator: the project's and the Shoot's name together (plugin/pkg/shoot/validator/admission.go).
_NAMES_TOGETHER = 21
_SHORTEST = 5
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Garden:
    """A Gardener project.

    `cloud_profiles` and `credentials_bindings` are {provider: name}; by default both are called like the provider.
    """

    namespace: str
    project: str
    cloud_profiles: Mapping[str, str] = field(default_factory=dict)
    credentials_bindings: Mapping[str, str] = field(default_factory=dict)
    floating_pool: str = "public"  # OpenStack's network of public addresses
    load_balancer_provider: str = "amphora"  # OpenStack's
    own_cidrs: tuple[
        str, ...
    ] = ()  # where our own calls to clusters come from; no tenant's list may lock them out
    installation: str = ""  # which of several that share the project we are

    @property
    def shoots(self) -> str:
        """The path of the project's Shoots."""
        return f"/apis/core.gardener.cloud/v1beta1/namespaces/{self.namespace}/shoots"

    @property
    def config_maps(self) -> str:
        """The path of the project's ConfigMaps."""
        return f"/api/v1/namespaces/{self.namespace}/configmaps"


def garden_of(config: Mapping[str, Any]) -> Garden:
    """Read `Landscape.config`: namespace, project (default: the namespace without "garden-"), cloud_profiles,
    credentials_bindings, floating_pool, load_balancer_provider, own_cidrs, installation; raises Fatal when no namespace is
    given, or an installation that can't be a label.
    """
    namespace = str(config.get("namespace") or "")
    if not namespace:
        raise Fatal(
            'The landscape\'s settings name no namespace; add "namespace": "garden-<project>" to its config.',
            code="landscape_config",
        )
    installation = str(config.get("installation") or "")
    if installation and not _LABEL.fullmatch(installation):
        raise Fatal(
            f"The landscape's settings name the installation “{installation}”; use lower-case letters, digits and dashes.",
            code="landscape_config",
        )
    return Garden(
        namespace=namespace,
        installation=installation,
        project=str(config.get("project") or namespace.removeprefix("garden-")),
        cloud_profiles=dict(config.get("cloud_profiles") or {}),
        credentials_bindings=dict(config.get("credentials_bindings") or {}),
        floating_pool=str(config.get("floating_pool") or Garden.floating_pool),
        load_balancer_provider=str(config.get("load_balancer_provider") or Garden.load_balancer_provider),
        own_cidrs=tuple(config.get("own_cidrs") or ()),
    )


def cluster_name_length(config: Mapping[str, Any]) -> int:
    """Return how many characters a Shoot's name may have in this project; raises Fatal when that leaves too few."""
    garden = garden_of(config)
    length = _NAMES_TOGETHER - len(garden.project)
    if length < _SHORTEST:
        raise Fatal(
            f"The Gardener project's name “{garden.project}” leaves {max(length, 0)} characters for clusters; "
            f"use a project whose name has at most {_NAMES_TOGETHER - _SHORTEST}.",
            code="landscape_config",
        )
    return length
