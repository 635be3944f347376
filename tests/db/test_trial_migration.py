"""What the rows held before persons were hashed with a key is carried over."""

from __future__ import annotations

import hashlib
from importlib import import_module

import pytest
from django.apps import apps

from controlplane.catalog.models import Entitlement
from controlplane.kernel.clock import utcnow
from controlplane.trials.addresses import read_address
from controlplane.trials.models import Rule, SignUp, Trial
from tests.trialling import trial_of, try_out
from tests.world import World

pytestmark = pytest.mark.django_db
EMAIL = "ada@engine.example"


def test_persons_rules_and_grants_are_carried_over(world: World) -> None:
    assert world.landscape.accepting
    plain = hashlib.sha256(EMAIL.encode()).digest()
    ours = read_address(EMAIL).person
    trial = trial_of(try_out(EMAIL))
    Trial.objects.update(person=plain)
    SignUp.objects.update(person=plain)
    Entitlement.objects.all().delete()
    said = {"shown": "x", "why": "x", "created_by": "x", "created_at": utcnow()}
    email = Rule.objects.create(kind="email", pattern=plain.hex(), **said)
    company = Rule.objects.create(kind="company", pattern="*crypto?mine*", **said)
    import_module("controlplane.trials.migrations.0003_keep_less").forward(apps, None)
    assert bytes(Trial.objects.get().person) == bytes(SignUp.objects.get().person) == ours
    email.refresh_from_db()
    company.refresh_from_db()
    assert (email.pattern, company.literal) == (ours.hex(), "crypto")
    granted = Entitlement.objects.filter(tenant=trial.tenant).values_list("plan", "runtimes")
    assert dict(granted) == {"*": 0, "trial": 1}
