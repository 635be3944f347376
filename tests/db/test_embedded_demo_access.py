"""The demo's access is made once, through the tenants' services, and stays valid from start to start."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.validation import check_parameters
from controlplane.config.demo.access import make_access
from controlplane.config.demo.fleet import Fate, wishes
from controlplane.config.demo.people import TENANTS
from controlplane.osb.credentials import find_platform
from controlplane.tenants import services
from controlplane.tenants.access import PlatformRole, Role
from controlplane.tenants.models import Account, AuditEvent, Tenant, User
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle.naming import check_labels, check_name

pytestmark = pytest.mark.django_db


def made(folder: Path) -> dict[str, Any]:
    access = make_access(
        url="http://127.0.0.1:8000", file=folder / "demo.json", kubeconfig=folder / "kubeconfig.yaml"
    )
    assert json.loads((folder / "demo.json").read_text()) == access
    return access


def test_the_file_has_the_shape_that_scripts_rely_on(tmp_path: Path) -> None:
    access = made(tmp_path)
    assert set(access) == {
        "url",
        "tenants",
        "sre_token",
        "finops_token",
        "osb",
        "console",
        "landscape_kubeconfig",
    }
    assert set(access["osb"]) == {"username", "password"}
    assert len(access["tenants"]) == 3
    assert all(set(one) == {"slug", "token", "accounts"} and one["accounts"] for one in access["tenants"])
    assert all(set(one) == {"username", "password", "role"} for one in access["console"])
    roles = [one["role"] for one in access["console"]]
    assert {"admin", "viewer", *(role.value for role in PlatformRole if role)} <= set(roles)


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    made(tmp_path)
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_tokens_and_passwords_open_what_they_promise(tmp_path: Path) -> None:
    access = made(tmp_path)
    for one in access["tenants"]:
        actor = services.actor_of_token(one["token"])
        assert actor
        assert (actor.role, actor.tenant_id) == (Role.ADMIN, Tenant.objects.get(slug=one["slug"]).id)
    for name in ("sre", "finops"):
        actor = services.actor_of_token(access[f"{name}_token"])
        assert actor
        assert actor.platform_role == PlatformRole(name)
    for person in access["console"]:
        assert User.objects.get(username=person["username"]).check_password(person["password"])


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    first = made(tmp_path)
    trail = AuditEvent.objects.count()
    assert made(tmp_path) == first
    assert AuditEvent.objects.count() == trail
    assert Landscape.objects.count() == 1


def test_a_lost_file_gets_new_tokens_and_passwords_that_work(tmp_path: Path) -> None:
    first = made(tmp_path)
    (tmp_path / "demo.json").unlink()
    second = made(tmp_path)
    assert second["sre_token"] != first["sre_token"]
    for person in second["console"]:
        assert User.objects.get(username=person["username"]).check_password(person["password"])
    assert Tenant.objects.count() == len(TENANTS)


def test_the_fleet_is_about_sixty_runtimes_of_known_accounts_with_names_of_their_own(tmp_path: Path) -> None:
    made(tmp_path)
    fleet = list(wishes())
    accounts = set(Account.objects.values_list("tenant__slug", "slug"))
    assert 55 <= len(fleet) <= 65
    assert {(wish.tenant, wish.account) for wish in fleet} <= accounts
    assert len({(wish.tenant, wish.account, wish.name) for wish in fleet}) == len(fleet)
    assert {wish.fate for wish in fleet} == set(Fate)


def test_every_wish_is_one_that_its_plan_grants() -> None:
    call_command("catalog", "apply", stdout=StringIO())
    for wish in wishes():
        check_name(wish.name)
        check_labels(wish.labels)
        check_parameters(load_plan_facts(wish.plan), wish.parameters, seed=wish.name)


def test_the_brokers_credential_signs_in_and_is_kept_from_start_to_start(tmp_path: Path) -> None:
    first, again = made(tmp_path)["osb"], made(tmp_path)["osb"]
    assert first == again
    found = find_platform(secret=first["password"], username=first["username"])
    assert found is not None
    assert found.tenant is not None
    assert found.tenant.slug == TENANTS[0].slug
    (tmp_path / "demo.json").unlink()
    renewed = made(tmp_path)["osb"]
    assert find_platform(secret=renewed["password"], username=renewed["username"]) is not None
    assert find_platform(secret=first["password"], username=first["username"]) is None
