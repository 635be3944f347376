"""`manage.py landscape register` says all that a Gardener project needs said, and refuses what can't be meant."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from provisioner.drivers.shoots.garden import garden_of
from provisioner.landscapes.models import Landscape
from tests.plugins.simulator import Simulator

pytestmark = pytest.mark.django_db


def register(simulator: Simulator, *words: str) -> str:
    out = StringIO()
    file = str(simulator.kubeconfig)
    call_command("landscape", "register", "north", "--credentials", file, *words, stdout=out)
    return out.getvalue()


def test_what_is_not_given_is_the_drivers_to_choose(simulator: Simulator) -> None:
    assert register(simulator) == "north is registered.\n"
    assert Landscape.objects.get().config == {"namespace": "garden-nesoi", "project": "nesoi"}
    assert register(simulator) == "north is up to date.\n"


def test_what_differs_from_the_usual_reaches_the_driver(simulator: Simulator) -> None:
    words = [
        "--cloud-profile",
        "aws=aws-eu",
        "--credentials-binding",
        "aws=a",
        "--credentials-binding",
        "gcp=g",
    ]
    words += ["--floating-pool", "ext", "--load-balancer-provider", "f5", "--own-cidrs", "192.0.2.0/24"]
    register(simulator, *words, "--installation", "north")
    garden = garden_of(Landscape.objects.get().config)
    assert (garden.cloud_profiles, garden.credentials_bindings) == (
        {"aws": "aws-eu"},
        {"aws": "a", "gcp": "g"},
    )
    assert (garden.floating_pool, garden.load_balancer_provider) == ("ext", "f5")
    assert (garden.own_cidrs, garden.installation) == (("192.0.2.0/24",), "north")


def test_the_installations_name_is_kept_until_it_is_taken_away_in_so_many_words(simulator: Simulator) -> None:
    register(simulator, "--installation", "north")
    register(simulator, "--calls-per-second", "5")
    assert Landscape.objects.get().config["installation"] == "north"
    register(simulator, "--installation", "")
    assert "installation" not in Landscape.objects.get().config


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cloud-profile", "aws"], "as aws=NAME"),
        (["--credentials-binding", "=x"], "as aws=NAME"),
        (["--installation", "The North"], "lower-case letters"),
        (["--calls-per-second", "0"], "above 0"),
        (["--kind", "cloud"], "choose one of"),
    ],
)
def test_what_can_not_be_meant_is_refused(simulator: Simulator, words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told) as refused:
        register(simulator, *words)
    assert refused.value.returncode == 2
    assert not Landscape.objects.exists()
