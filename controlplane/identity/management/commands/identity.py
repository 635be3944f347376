"""`manage.py identity`: identity providers from the machine itself, and whose a domain is."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from controlplane.identity import people, providers
from controlplane.identity.models import IdentityProvider
from controlplane.identity.oidc.discovery import metadata_of
from controlplane.identity.wishes import check_issuer
from controlplane.kernel.errors import Refused
from controlplane.tenants.founding import operator
from controlplane.tenants.models import Tenant, User


class Command(BaseCommand):
    """Add, list, disable, enable and remove providers; confirm a domain; release a person's subject."""

    help = "Identity providers (OpenID Connect) of tenants and of the platform."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the subcommands."""
        nouns = parser.add_subparsers(dest="noun", required=True)
        verbs = nouns.add_parser("provider", help="who lets people in").add_subparsers(
            dest="verb", required=True
        )
        add = verbs.add_parser("add", help="register one; the client's secret is read from standard input")
        add.add_argument("--tenant", help="slug; without it the provider is the platform's")
        add.add_argument("--name", required=True)
        add.add_argument("--issuer", required=True)
        add.add_argument("--client-id", required=True)
        add.add_argument("--public-client", action="store_true", help="it has no secret")
        add.add_argument("--scopes", default="openid email profile")
        add.add_argument("--groups-claim", default="groups")
        add.add_argument("--group", action="append", default=[], metavar="GROUP=ROLE")
        add.add_argument("--domain", action="append", default=[])
        add.add_argument("--contact", default="", help="whom people ask who have no mapped group")
        verbs.add_parser("list", help="all of them")
        for verb, words in (("disable", "end its sessions too"), ("enable", "again"), ("remove", "for good")):
            verbs.add_parser(verb, help=words).add_argument("id", type=UUID)
        confirm = nouns.add_parser("domain", help="e-mail domains").add_subparsers(dest="verb", required=True)
        one = confirm.add_parser(
            "confirm", help="say that a domain is its provider's, after you made sure of it"
        )
        one.add_argument("id", type=UUID)
        one.add_argument("domain")
        person = nouns.add_parser("person", help="people").add_subparsers(dest="verb", required=True)
        release = person.add_parser("release", help="forget which subject a person is at a provider")
        release.add_argument("id", type=UUID)
        release.add_argument("username")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do one of them; what is refused ends with its sentence."""
        try:
            getattr(self, f"_{options['noun']}_{options['verb']}")(options)
        except Refused as refusal:
            raise CommandError(refusal.detail) from refusal

    def _provider_add(self, options: dict[str, Any]) -> None:
        tenant = None
        if options["tenant"] is not None:
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
            if tenant is None:
                raise CommandError(f"There is no tenant “{options['tenant']}”.")
        check_issuer(options["issuer"])
        metadata_of(options["issuer"])
        provider = providers.add_provider(
            actor=operator(),
            tenant=tenant,
            issuer=options["issuer"],
            wish=providers.Wish(
                name=options["name"],
                client_id=options["client_id"],
                client_secret=None if options["public_client"] else _secret(),
                scopes=options["scopes"],
                groups_claim=options["groups_claim"],
                contact=options["contact"],
                group_roles=dict(_pair(text) for text in options["group"]),
                domains=[domain.lower() for domain in options["domain"]],
            ),
        )
        base = settings.PUBLIC_URL or "(where people open Nesoi)"
        self.stdout.write(f"{provider.id}\nRedirect address: {base}/sign-in/callback/{provider.id}")

    def _provider_list(self, _options: dict[str, Any]) -> None:
        for provider in IdentityProvider.objects.select_related("tenant").order_by("pk"):
            home = provider.tenant.slug if provider.tenant else "platform"
            state = "on" if provider.enabled else "off"
            self.stdout.write(f"{provider.id}  {home}  {state}  {provider.name}  {provider.issuer}")
            for domain in provider.domains.order_by("domain"):
                words = "confirmed" if domain.confirmed_at else "not confirmed"
                self.stdout.write(f"    {domain.domain} ({words})")

    def _provider_disable(self, options: dict[str, Any]) -> None:
        providers.switch_provider(actor=operator(), provider_id=options["id"], enabled=False)
        self.stdout.write("Nobody signs in with it now, and the sessions that began there are over.")

    def _provider_enable(self, options: dict[str, Any]) -> None:
        providers.switch_provider(actor=operator(), provider_id=options["id"], enabled=True)
        self.stdout.write("People sign in with it again.")

    def _provider_remove(self, options: dict[str, Any]) -> None:
        number = providers.remove_provider(actor=operator(), provider_id=options["id"])
        self.stdout.write(f"Removed; {number} people had signed in with it.")

    def _domain_confirm(self, options: dict[str, Any]) -> None:
        row = providers.confirm_domain(
            actor=operator(), provider_id=options["id"], domain=options["domain"].lower()
        )
        self.stdout.write(f"Addresses of {row.domain} lead to {row.provider.name} now.")

    def _person_release(self, options: dict[str, Any]) -> None:
        provider = providers.find_provider(operator(), options["id"])
        user = User.objects.filter(username=options["username"]).first()
        if user is None or not people.release_subject(provider=provider, user=user):
            raise CommandError("Nobody of that name has signed in with this provider.")
        self.stdout.write("Released: the next vouched sign-in with that address is this person's.")


def _secret() -> str:
    """Read the secret from a prompt, or from a pipe; never from the arguments, which every process list shows."""
    secret = getpass.getpass("Client secret: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not secret.strip():
        raise CommandError("Give the client's secret on standard input, or say --public-client.")
    return secret.strip()


def _pair(text: str) -> tuple[str, str]:
    group, sign, role = text.rpartition("=")
    if not sign:
        raise CommandError(f"“{text}” is not GROUP=ROLE.")
    return group, role
