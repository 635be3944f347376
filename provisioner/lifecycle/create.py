"""Create a runtime: record the wish and open its operation; nothing is built here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from controlplane.catalog.channels import release_for
from controlplane.catalog.facts import load_plan_facts, snapshot
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.quota import size_of
from controlplane.catalog.validation import check_parameters
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import short_name, uuid7
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant
from provisioner.drivers.registry import cluster_name_length
from provisioner.lifecycle import ports
from provisioner.lifecycle.admission import admit, recognise, require
from provisioner.lifecycle.cluster import cluster_spec
from provisioner.lifecycle.module_wishes import module_wishes
from provisioner.lifecycle.naming import check_labels, check_name
from provisioner.lifecycle.placement import place
from provisioner.lifecycle.quota import count
from provisioner.lifecycle.release import as_json as release_as_json
from provisioner.operations.models import Operation
from provisioner.operations.services import open_operation
from provisioner.runtimes.adding import add, values_of
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind

NAME_TAKEN = "runtime_name_once_per_account"
ACCOUNT_MOVED = "runtime_in_its_accounts_tenant"
LONGEST_CLUSTER_NAME = 12  # enough randomness; landscapes allow as little as 21 with the project's name


def create_runtime(
    *,
    actor: Actor,
    tenant: Tenant,
    account: str,
    name: str,
    plan: str,
    parameters: Mapping[str, Any],
    labels: Mapping[str, str],
) -> Operation:
    """Return the operation that builds the new runtime; `account` is an id or a slug.

    Raises Refused for whatever is wrong with the request; nothing is written then.
    """
    require(actor, Permission.CREATE, tenant_id=tenant.id)
    check_name(name)
    check_labels(labels)
    try:
        return _create(actor, tenant, account, name, plan, parameters, labels)
    except IntegrityError as error:
        if ACCOUNT_MOVED in str(error):
            detail = f"Account {account} went to another tenant just now; name one that your tenant has."
            raise Refused("account_unknown", detail, field="account") from error
        if NAME_TAKEN not in str(error):
            raise
        detail = f"Account {account} has a runtime “{name}” already; choose another name."
        raise Refused("name_taken", detail, field="name", status=409) from error


@transaction.atomic
def _create(
    actor: Actor,
    tenant: Tenant,
    account: str,
    name: str,
    plan: str,
    parameters: Mapping[str, Any],
    labels: Mapping[str, str],
) -> Operation:
    runtime, facts = _wish(plan, parameters)
    size = size_of(runtime.cluster_spec, facts)
    owner = recognise(tenant=tenant, account=account)
    for ask in ports.may_begin:
        ask(owner)
    audit.record(
        "runtime.create",
        actor=actor,
        tenant_id=tenant.id,
        target_type="runtime",
        target_id=runtime.id,
        changes={"name": name, "plan": plan, "account": owner.slug, "parameters": dict(parameters)},
    )
    count(runtime, size)
    runtime.tenant, runtime.account = owner.tenant, owner
    runtime.name, runtime.labels, runtime.created_by = name, dict(labels), actor.name
    runtime.cluster_spec["labels"] = {
        "nesoi.dev/runtime": str(runtime.id),
        "nesoi.dev/tenant": owner.tenant.slug,
    }
    values = values_of(runtime)
    # From here on the tenant's other requests stand behind this one: what can be done before, was.
    admit(tenant=tenant, account=str(owner.id), plan=facts, region=runtime.region, size=size)
    add(runtime, values)
    return open_operation(actor=actor, runtime=runtime, kind=Kind.PROVISION)


def _wish(plan: str, parameters: Mapping[str, Any]) -> tuple[Runtime, PlanFacts]:
    """Return a runtime that nobody owns yet, with what will be built and where, and its plan; reads before anything is locked."""
    catalog = snapshot()
    facts = load_plan_facts(plan, catalog)
    runtime_id = uuid7()
    wanted = check_parameters(facts, parameters, seed=str(runtime_id))
    release = release_for(wanted.channel, catalog)
    landscape = place(plan=facts, runtime_id=runtime_id)
    longest = min(LONGEST_CLUSTER_NAME, cluster_name_length(landscape.kind, landscape.config))
    cluster = cluster_spec(
        name=short_name(longest),
        plan=facts,
        parameters=wanted,
        release=release,
        owner={},
        today=utcnow(),
        modules=module_wishes(parameters=wanted, release=release, channels=catalog.releases),
    )
    runtime = Runtime(
        id=runtime_id,
        landscape=landscape,
        plan_id=facts.key,
        cluster_name=cluster.name,
        region=wanted.region,
        spec={"parameters": wanted.as_json(), "release": release_as_json(release)},
        cluster_spec=cluster.as_json(),
    )
    return runtime, facts
