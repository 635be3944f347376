"""Every address as every role on what is their tenant's, another's or nobody's: what each face's table and walk are made of.

A face is one `urls.py`. Its test has a table {(name, method): Row}; FACES names the tests, so a new face without one fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.urls import URLPattern, URLResolver

from billing.books.models import Commitment, Contract, CreditGrant
from billing.costs.models import Anomaly, Budget
from billing.exports.models import FocusExport
from billing.statements.models import Adjustment, Charge, Statement
from controlplane.catalog.models import Entitlement, QuotaRequest
from controlplane.identity.models import IdentityProvider
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.osb.credentials import issue_credential
from controlplane.osb.models import BrokerCredential
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.access_models import Invitation, ServiceAccount
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.models import Account, ApiToken, Member, Tenant, User
from provisioner.findings.models import Finding, FindingWaiver
from provisioner.lifecycle.models import Standing
from provisioner.operations.models import Operation
from provisioner.rollouts.models import (
    Exclusion,
    Gate,
    Lane,
    MaintenanceWindow,
    Rollout,
    Stage,
    Target,
    Waiver,
)
from provisioner.runtimes.models import Runtime
from tests.identity_providers import register
from tests.world import World, order

FACES = {
    "controlplane.api.urls": "tests.api.test_every_endpoint",
    "controlplane.console.urls": "tests.api.test_every_console_page",
    "controlplane.osb.urls": "tests.osb.test_every_address",
}

EVERYONE = frozenset(Role)
WORKERS = frozenset({Role.DEVELOPER, Role.ADMIN, Role.OWNER})
ADMINS = frozenset({Role.ADMIN, Role.OWNER})
STATEMENT_READERS = ADMINS | {Role.FINANCE}
COST_READERS = EVERYONE - {Role.VIEWER}
COST_MANAGERS = ADMINS | {Role.FINANCE}
NO_MEMBER: frozenset[Role] = frozenset()
PLATFORM = frozenset(PlatformRole) - {PlatformRole.NONE}
TOKEN_READERS = frozenset({PlatformRole.SUPPORT, PlatformRole.ADMIN})
FLEET_READERS = frozenset({PlatformRole.SRE, PlatformRole.FINOPS, PlatformRole.ADMIN})
OPERATORS = frozenset({PlatformRole.SRE, PlatformRole.ADMIN})
AUDITORS = frozenset({PlatformRole.SUPPORT, PlatformRole.SRE, PlatformRole.ADMIN})
FINANCIERS = frozenset({PlatformRole.FINOPS, PlatformRole.ADMIN})
STATEMENT_PLATFORM = frozenset({PlatformRole.FINOPS, PlatformRole.ADMIN})
NOBODY: frozenset[PlatformRole] = frozenset()
DENIED = {401, 403, 404}
KEPT: list[Any] = [
    Runtime, Operation, Account, Member, Invitation, ServiceAccount, BrokerCredential, QuotaRequest, Entitlement, Standing,
    Tenant, IdentityProvider, Webhook, WebhookDelivery, FocusExport, Budget, Anomaly,
    Contract, CreditGrant, Commitment, Rollout, Waiver, MaintenanceWindow, Exclusion, FindingWaiver,
]  # fmt: skip
COUNTED = (
    "books_priceproposal",
    "books_exchangerate",
    "statements_statement",
    "statements_adjustment",
    "tenants_auditevent WHERE outcome = 'done' AND action <> 'audit.export'",
    User._meta.db_table,
    ApiToken._meta.db_table,
)
ROLLOUT = "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a55"  # the platform's, so everybody knows its address
GATE = WAIVER = 4711
FINDING = "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a77"
WINDOW, EXCLUSION = 1947264301, 1947264302  # numbers that nothing else is
LINE = "5d0a9c17e3b2f4860a1d7c3e"  # of Archipel's draft, and nowhere else in an answer
WRITTEN = "SELECT " + ", ".join(
    [
        f"(SELECT json_agg(t ORDER BY t.{table._meta.pk.column})::text FROM {table._meta.db_table} t)"
        for table in KEPT
    ]
    + [f"(SELECT count(*) FROM {counted})" for counted in COUNTED]
)


@dataclass(frozen=True)
class Row:
    """Who may; `path` names things of Archipel's as {runtime}, {operation} and {account}."""

    path: str
    roles: frozenset[Role] = EVERYONE
    platform: frozenset[PlatformRole] = PLATFORM
    body: Any = None
    public: bool = False
    answer: int = 0  # what a public address answers everybody, where that is no page


def patterns_of(urlpatterns: Sequence[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    """Every address of a face, nested ones too."""
    for pattern in urlpatterns:
        if isinstance(pattern, URLResolver):
            yield from patterns_of(pattern.url_patterns)
        else:
            yield pattern


def things_of(world: World) -> dict[str, str]:
    """Ids of what Archipel has: a runtime that is being built, its operation, and their account."""
    operation = order(world)
    return {
        "runtime": str(operation.runtime_id),
        "operation": str(operation.id),
        "account": str(world.shop.id),
        "tenant": str(world.archipel.id),
        "member": str(world.vera.user.id),
        **ways_in(world),
        **billed(world),
        **spending(world),
        **agreed(world),
        **rolled_out(operation),
        "quota_request": str(more_wanted(world).id),
        "webhook": str(a_webhook(world).id),
        "export": str(an_export(world).id),
        "provider": str(register("https://idp.archipel.example", world.archipel).id),
    }


def rolled_out(operation: Operation) -> dict[str, str]:
    """A rollout that waits at its gate with that runtime, somebody who answers for it, and when it may be upgraded."""
    runtime, now = operation.runtime, utcnow()
    soon, later = now + timedelta(days=1), now + timedelta(days=2)
    rollout = Rollout.objects.create(
        pk=ROLLOUT, name="Waits", release_key="2026.10.1", selector="all", state="running", created_by="test", started_at=now,
    )  # fmt: skip
    stage = Stage.objects.create(
        rollout=rollout, position=0, name="rest", state="entering", total=1, deadline_seconds=9, since=now
    )
    Gate.objects.create(
        pk=GATE, stage=stage, side="before", position=0, kind="approval", settings={"approvers": 1}, since=now
    )
    lane = Lane.objects.create(
        rollout=rollout, stage=stage, landscape=runtime.landscape, region=runtime.region
    )
    Target.objects.create(
        rollout=rollout, stage=stage, lane=lane, runtime=runtime, position=0, since=now, reason_code="stage", reason="later",
    )  # fmt: skip
    Waiver.objects.create(
        pk=WAIVER, runtime=runtime, owner="ada", reason="x", expires_at=later, created_by="test"
    )
    Finding.objects.create(
        pk=FINDING, runtime=runtime, rule="foreign-workloads", api_version="v1", kind="Pod", name="x", severity="warning",
        audience="tenant", sentence="It is there.", remedy="Move it.", since=utcnow(),
    )  # fmt: skip
    shared: dict[str, Any] = {"tenant": runtime.tenant, "created_by": "test"}
    window = MaintenanceWindow.objects.create(
        pk=WINDOW, **shared, days=["sat"], begin="02:00", end="06:00", time_zone="UTC"
    )
    shut = Exclusion.objects.create(pk=EXCLUSION, **shared, begins_at=soon, ends_at=later, reason="x")
    return {"window": str(window.pk), "exclusion": str(shut.pk)}


def an_export(world: World) -> AuditExport:
    """Archipel's audit trail, written to its archive."""
    now = utcnow()
    row: AuditExport = AuditExport.objects.create(
        tenant=world.archipel, asked_by="test", since=now - timedelta(days=1), until=now, due_at=now,
        state="done", place="archive", finished_at=now,
    )  # fmt: skip
    return row


def spending(world: World) -> dict[str, str]:
    """A budget of Archipel, and a day out of the ordinary."""
    budget = Budget.objects.create(
        tenant=world.archipel, name="Shop", amount=Decimal(100), currency="EUR", thresholds=[80], forecast_thresholds=[100],
        created_by="test",
    )  # fmt: skip
    anomaly = Anomaly.objects.create(
        tenant=world.archipel, account=world.shop.id, runtime=uuid7(), day=date(2026, 6, 1), worth=Decimal(9),
        usual=Decimal(1), currency="EUR", score=Decimal(8), compared=4, same_weekday=True, moved=[],
    )  # fmt: skip
    return {"budget": str(budget.id), "anomaly": str(anomaly.id)}


def agreed(world: World) -> dict[str, str]:
    """What Archipel agreed for a year to come."""
    first, last = date(2028, 1, 1), date(2029, 1, 1)
    shared: dict[str, Any] = {"tenant": world.archipel, "title": "x", "currency": "EUR", "starts": first}
    contract = Contract.objects.create(**shared, agreed_by="test")
    credit = CreditGrant.objects.create(**shared, amount=5, expires=last, granted_by="test", reason="y")
    commitment = Commitment.objects.create(
        **shared, meter="vcpu", units=1, fee=1, ends=last, agreed_by="test"
    )
    return {"contract": str(contract.id), "credit": str(credit.id), "commitment": str(commitment.id)}


def billed(world: World) -> dict[str, str]:
    """A draft of Archipel with one line, and a credit that waits for the next one."""
    numbers = {"alive_seconds": 0, "observed_seconds": 0, "inferred_seconds": 0, "unknown_seconds": 0}
    empty: dict[str, Any] = {"books": {}, "drawn": [], "commitments": [], "problems": [], "names": {}}
    month = date(2026, 6, 1)
    row = Statement.objects.create(
        tenant=world.archipel, month=month, currency="EUR", total=1, charges_count=1, input_digest="0" * 64,
        lines_digest="0" * 64, engine_version="1", usage_bound=utcnow(), drafted_at=utcnow(), **numbers, **empty,
    )  # fmt: skip
    amounts = (
        "quantity",
        "consumed_quantity",
        "base_quantity",
        "list_unit_price",
        "contracted_unit_price",
        "list_cost",
    )
    costs = ("contracted_cost", "billed_cost", "effective_cost")
    Charge.objects.create(
        statement=row, tenant=world.archipel, line_id=LINE, position=0, category="Usage", account=world.shop.id,
        period_start=utcnow(), period_end=utcnow(), currency="EUR", book_version=0, observed_seconds=0, alive_seconds=0,
        description="Processors",
        **dict.fromkeys((*amounts, *costs), Decimal(1)),
    )  # fmt: skip
    credit = Adjustment.objects.create(
        tenant=world.archipel,
        category="Credit",
        amount=-1,
        currency="EUR",
        title="x",
        reason="y",
        made_by="test",
    )
    return {"statement": str(row.id), "line": LINE, "adjustment": str(credit.id)}


def more_wanted(world: World) -> QuotaRequest:
    """An open request of Archipel for more of everything."""
    row: QuotaRequest = QuotaRequest.objects.create(
        tenant=world.archipel, runtimes=1000, reason="for the test", requested_by="test"
    )
    return row


def a_webhook(world: World) -> Webhook:
    """An address that Archipel wants to be told at."""
    row: Webhook = Webhook.objects.create(
        tenant=world.archipel, url="https://hooks.example.org/nesoi", kinds=["usage.daily"], sealed=b"x", created_by="test",
        created_at=utcnow(),
    )  # fmt: skip
    return row


def ways_in(world: World) -> dict[str, str]:
    """An open invitation of Archipel, a service account, and a token of Vera's role."""
    lisa = ServiceAccount.objects.create(tenant=world.archipel, name="lisa", role="viewer", created_by="test")
    now = utcnow()
    invited = Invitation.objects.create(
        tenant=world.archipel,
        email="nora@example.org",
        role="viewer",
        digest=b"\1" * 32,
        invited_by="test",
        sent_at=now,
        expires_at=now + timedelta(days=1),
    )
    return {
        "invitation": str(invited.id),
        "service_account": str(lisa.id),
        "token": str(world.vera.actor.token_id),
        "credential": str(issue_credential(actor=SYSTEM, tenant=world.archipel, name="cf")[0].id),
    }


def written() -> Any:
    """What a refused request must leave as it was: every row of some tables, and how many others have."""
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)  # in one statement, for it is asked for thousands of times
        return cursor.fetchone()


class Cells:
    """Many cells of a table in one test, on one setup: what one writes is forgotten, and each that fails is named in the end."""

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        self.held = 0

    @contextmanager
    def cell(self, name: tuple[str, str]) -> Iterator[None]:
        """Hold one cell."""
        try:
            with undone():
                yield
            self.held += 1
        except Exception as fault:
            self.failed["-".join(name)] = f"{type(fault).__name__}: {fault}"

    def all_held(self, cells: Sequence[tuple[str, str]]) -> None:
        """Fail unless every one of them was looked at and held."""
        told = "\n".join(f"{name}: {fault}" for name, fault in self.failed.items())
        assert not self.failed, f"{len(self.failed)} of {len(cells)} cells do not hold:\n{told}"
        assert self.held == len(cells)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is forgotten."""
    around = transaction.atomic()
    # Services that insist on a transaction of their own take this one for a test's.
    around._from_testcase = True  # type: ignore[attr-defined]
    with around:
        yield
        transaction.set_rollback(True)
