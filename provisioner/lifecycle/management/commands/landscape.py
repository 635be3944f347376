"""`manage.py landscape`: register the places that build clusters, and list them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Fatal, Retry
from controlplane.kernel.plugins import load
from controlplane.tenants.access import SYSTEM
from provisioner.drivers.base import ClusterRef, LandscapeAccess
from provisioner.drivers.kube.kubeconfig import LIMIT_BYTES
from provisioner.drivers.registry import connect
from provisioner.landscapes.freshness import is_stale
from provisioner.landscapes.models import Landscape
from provisioner.landscapes.services import register_landscape

PROVIDERS = "aws,azure,gcp,openstack"


class Command(BaseCommand):
    """Register a landscape after reaching it, or list those that are registered."""

    help = "Register a landscape (idempotent), or list the registered ones."

    def add_arguments(self, parser: CommandParser) -> None:
        """Two verbs: register and list."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser(
            "list", help="print the registered landscapes: state, breaker, providers, when observed, orphans"
        )
        register = verbs.add_parser("register", help="register a landscape, or change how it is reached")
        register.add_argument("key")
        register.add_argument("--kind", default="gardener")
        place = register.add_mutually_exclusive_group(required=True)
        place.add_argument(
            "--credentials", default="", help="a kubeconfig file that stays where Nesoi can read it"
        )
        place.add_argument(
            "--credentials-file", default="", help="a kubeconfig whose content is sealed and stored"
        )
        register.add_argument("--namespace", default="garden-nesoi", help="the Gardener project's namespace")
        register.add_argument("--project", default="nesoi", help="the Gardener project's name")
        register.add_argument("--providers", default=PROVIDERS, help=f"comma-separated (default {PROVIDERS})")
        register.add_argument("--calls-per-second", type=float, default=50.0)
        register.add_argument(
            "--own-cidrs",
            default="",
            help="where Nesoi calls from, comma-separated: let into every access control list",
        )
        register.add_argument(
            "--installation",
            default=None,
            help="what tells our clusters from those of another Nesoi in the same project; each of them needs one "
            "(kept when not given; an empty one takes it away)",
        )
        _add_provider_arguments(register)
        register.add_argument("--closed", action="store_true", help="place no new runtimes there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the verb."""
        if options["verb"] == "list":
            self._list()
        else:
            self._register(options)

    def _list(self) -> None:
        present = utcnow()
        for row in Landscape.objects.order_by("key"):
            state = "accepting" if row.accepting else "closed"
            seen = f"observed {rfc3339(row.observed_at)}" if row.observed_at else "never observed"
            told = seen + (" (stale)" if is_stale(row, present) else "")
            audited = f"{row.orphans_count} orphans" if row.audited_at else "not audited yet"
            words = [row.key, row.kind, state, row.breaker, ",".join(row.providers), told, audited]
            self.stdout.write("\t".join(words))

    def _register(self, options: dict[str, Any]) -> None:
        kinds = sorted(load("provisioner.drivers", "connect"))
        if options["kind"] not in kinds:
            raise CommandError(
                f"There is no driver “{options['kind']}”; choose one of {', '.join(kinds)}.", returncode=2
            )
        if options["calls_per_second"] <= 0:
            raise CommandError("--calls-per-second must be above 0.", returncode=2)
        path = str(Path(options["credentials"]).resolve()) if options["credentials"] else ""
        content = _read(options["credentials_file"]) if options["credentials_file"] else ""
        config = _config(options | {"installation": _installation(options)})
        access = LandscapeAccess(options["key"], config, path, credentials=content)
        try:
            connect(kind=options["kind"], access=access).observe(ClusterRef("none"))
        except (Retry, Fatal) as error:
            raise CommandError(f"The landscape can't be reached: {error}", returncode=2) from error
        landscape, created = register_landscape(
            actor=SYSTEM,
            key=options["key"],
            kind=options["kind"],
            providers=_words(options["providers"]),
            config=config,
            credentials_path=path,
            credentials=content,
            calls_per_second=options["calls_per_second"],
            accepting=not options["closed"],
        )
        self.stdout.write(f"{landscape.key} is {'registered' if created else 'up to date'}.")


def _add_provider_arguments(register: CommandParser) -> None:
    """What each provider needs said, where a landscape differs from what is usual."""
    for option, word in (
        ("--cloud-profile", "CloudProfile"),
        ("--credentials-binding", "CredentialsBinding"),
    ):
        register.add_argument(
            option,
            action="append",
            default=[],
            metavar="PROVIDER=NAME",
            help=f"the {word} of a provider, when it is not called like the provider (repeatable)",
        )
    register.add_argument(
        "--floating-pool", default="", help="OpenStack's network of public addresses (default public)"
    )
    register.add_argument(
        "--load-balancer-provider", default="", help="OpenStack's load balancers (default amphora)"
    )


def _installation(options: Mapping[str, Any]) -> str:
    """Return the one given, or the one kept: without it our own clusters would count as another Nesoi's."""
    if options["installation"] is not None:
        return str(options["installation"])
    present = Landscape.objects.filter(key=options["key"]).values_list("config", flat=True).first()
    return str((present or {}).get("installation", ""))


def _config(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `Landscape.config`; what is not given is the driver's to choose."""
    given = {
        "namespace": options["namespace"],
        "project": options["project"],
        "own_cidrs": _words(options["own_cidrs"]),
        "installation": options["installation"],
        "cloud_profiles": _pairs(options["cloud_profile"]),
        "credentials_bindings": _pairs(options["credentials_binding"]),
        "floating_pool": options["floating_pool"],
        "load_balancer_provider": options["load_balancer_provider"],
    }
    return {name: value for name, value in given.items() if value}


def _pairs(entries: list[str]) -> dict[str, str]:
    pairs = dict(entry.partition("=")[::2] for entry in entries)
    if any(not (provider and name) for provider, name in pairs.items()):
        raise CommandError("Say which provider's it is, as aws=NAME.", returncode=2)
    return pairs


def _read(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(LIMIT_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read ({type(error).__name__}).", returncode=2) from error


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
