"""System checks: refuse combinations of settings that would endanger a production installation."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django calls it so

from controlplane.config.limits.policies import read_policies
from controlplane.config.proxies import TrustedProxies
from controlplane.outbound.client import Policy
from controlplane.sealing import KeyUnavailable
from controlplane.sealing.keyfile import KeyFile

SHORTEST_SECRET_KEY = 32
_HOUR_SECONDS = 3600.0
REGISTRY = re.compile(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*")
NOWHERE = re.compile(r"(^|\.)(example|invalid|test|localhost|example\.(com|net|org))$")  # RFC 2606, RFC 6761
PUBLIC_URL = re.compile(r"https://[A-Za-z0-9.:\[\]-]{1,255}")


@register("nesoi")
def dangerous_combinations(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error for each setting that is unsafe outside the embedded default."""
    if settings.EMBEDDED:
        return []
    found: list[CheckMessage] = []

    def refuse(condition: bool, number: str, message: str, hint: str) -> None:
        if condition:
            found.append(Error(message, hint=hint, id=f"nesoi.E{number}"))

    key = settings.SECRET_KEY
    weak = key == settings.INSECURE_SECRET_KEY or len(key) < SHORTEST_SECRET_KEY
    refuse(settings.DEBUG, "001", "DEBUG is on in production.", "Unset DEBUG.")
    refuse(
        weak,
        "002",
        "SECRET_KEY is the default or too short.",
        f"Set SECRET_KEY to at least {SHORTEST_SECRET_KEY} random characters.",
    )
    refuse(
        "*" in settings.ALLOWED_HOSTS,
        "003",
        "ALLOWED_HOSTS admits every host.",
        "Name the hosts that this installation answers for.",
    )
    refuse(
        not settings.SECURE_COOKIES,
        "004",
        "Session cookies would travel over plain HTTP.",
        "Unset SECURE_COOKIES, or set it to true.",
    )
    refuse(
        not PUBLIC_URL.fullmatch(settings.PUBLIC_URL),
        "005",
        "PUBLIC_URL is missing, plain HTTP, or more than https:// and a host.",
        "Serve Nesoi over HTTPS and set PUBLIC_URL to its address, for example https://nesoi.example.com.",
    )
    return found


@register("nesoi")
def trusted_proxies(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error when TRUSTED_PROXIES can't be read."""
    try:
        TrustedProxies.read(settings.TRUSTED_PROXIES)
    except ValueError as error:
        hint = "Leave it empty where nothing stands between people and Nesoi."
        return [Error(str(error), hint=hint, id="nesoi.E006")]
    return []


@register("nesoi")
def rate_limits(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error when a rate limit can't be read."""
    try:
        read_policies(settings.RATE_LIMITS)
    except ValueError as error:
        return [Error(str(error), hint="deploy/settings.md names every RATE_LIMIT_*.", id="nesoi.E011")]
    return []


@register("nesoi")
def outbound_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error when networks can't be read, or when plain HTTP is allowed outside the embedded stack."""
    plain = settings.OUTBOUND_PLAIN_HOSTS
    if plain and not settings.EMBEDDED:
        hint = "Unset OUTBOUND_PLAIN_HOSTS: an identity provider that answers over plain HTTP proves nothing."
        return [Error("OUTBOUND_PLAIN_HOSTS allows plain HTTP in production.", hint=hint, id="nesoi.E008")]
    try:
        Policy.read(private_networks=settings.OUTBOUND_PRIVATE_NETWORKS, plain_hosts=plain)
    except ValueError as error:
        hint = "Write networks as 10.20.0.0/16, with commas between them."
        return [Error(f"OUTBOUND_PRIVATE_NETWORKS: {error}", hint=hint, id="nesoi.E009")]
    return []


@register("nesoi")
def broker_answers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error when the service broker would answer a missing version as the specification never does."""
    status = settings.OSB_MISSING_VERSION_STATUS
    if status in {400, 412}:
        return []
    hint = "412 is what older platforms want, 400 what version 2.16 says."
    message = f"OSB_MISSING_VERSION_STATUS ({status}) must be 400 or 412."
    return [Error(message, hint=hint, id="nesoi.E012")]


@register("nesoi")
def a_step_ends_before_its_lease(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Return an error when a step could outlast its worker's lease: two workers would then run it at once."""
    step, lease = settings.STEP_TIMEOUT_SECONDS, settings.LEASE_SECONDS
    if 0 < step < lease:
        return []
    message = f"STEP_TIMEOUT_SECONDS ({step}) must be more than 0 and less than LEASE_SECONDS ({lease})."
    hint = "Lower STEP_TIMEOUT_SECONDS or raise LEASE_SECONDS; half of the lease leaves time to write."
    return [Error(message, hint=hint, id="nesoi.E007")]


@register("nesoi")
def modules_come_from_somewhere(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error when images of modules are nowhere, or networks can't be read; a warning when a named helm is missing."""
    found: list[CheckMessage] = []
    host = settings.MODULE_REGISTRY.partition("/")[0].partition(":")[0]
    if REGISTRY.fullmatch(settings.MODULE_REGISTRY) is None:
        message = f"MODULE_REGISTRY ({settings.MODULE_REGISTRY}) must be a host and a path as registry.example.net/nesoi."
        found.append(Error(message, hint="Take away https:// and what else is no name.", id="nesoi.E013"))
    elif not settings.EMBEDDED and NOWHERE.search(host):
        message = f"MODULE_REGISTRY ({settings.MODULE_REGISTRY}) is nowhere: nodes could pull no image of a module from it."
        hint = "Copy the modules' images into a registry of yours and set MODULE_REGISTRY to it (deploy/modules.md)."
        found.append(Error(message, hint=hint, id="nesoi.E013"))
    try:
        Policy.read(private_networks=settings.MODULE_SOURCE_NETWORKS, plain_hosts=[])
    except ValueError as error:
        hint = "Write networks as 10.20.0.0/16, with commas between them."
        found.append(Error(f"MODULE_SOURCE_NETWORKS: {error}", hint=hint, id="nesoi.E014"))
    if not 0 < settings.HELM_SECONDS <= _HOUR_SECONDS:
        message = f"HELM_SECONDS ({settings.HELM_SECONDS:g}) must be more than 0, and an hour at most."
        found.append(Error(message, hint="Unset it: 20 seconds are plenty for a chart.", id="nesoi.E015"))
    if settings.HELM_BINARY != "helm" and shutil.which(settings.HELM_BINARY) is None:
        hint = "Modules from charts can't be installed by this process; put Helm there, or unset HELM_BINARY."
        message = f"HELM_BINARY ({settings.HELM_BINARY}) is no program here."
        found.append(Warning(message, hint=hint, id="nesoi.W002"))
    return found


@register("nesoi")
def sealing_keys_are_there(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return a warning when the file of sealing keys can't be read: an error would keep the command that makes it away."""
    if settings.EMBEDDED or settings.SEALING_KEEPER != "file":
        return []
    try:
        KeyFile(settings.SEALING_KEY_FILE).read()
    except KeyUnavailable as reason:
        hint = "Without keys no invitation, trial or identity provider works; see SEALING_KEY_FILE in deploy/settings.md."
        return [Warning(str(reason), hint=hint, id="nesoi.W001")]
    return []
