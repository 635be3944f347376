"""Strangers who ask for trials in tests, and the mail that they get."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from controlplane.kernel.clock import utcnow
from controlplane.notices.models import Notice
from controlplane.notices.services import CONTEXT
from controlplane.sealing import unseal
from controlplane.tenants.models import Tenant, User
from controlplane.trials.confirm import Confirmed, confirm
from controlplane.trials.models import Trial
from controlplane.trials.sign_up import Asked, Wish, ask_for_trial
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime

BASE = "https://nesoi.example"
DAY = timedelta(days=1)


def ask(email: str = "ada@engine.example", **changes: Any) -> Asked:
    wish: dict[str, Any] = {
        "email": email,
        "company": "Engine Works",
        "region": "eu-central-1",
        "client": "203.0.113.7",
        "base": BASE,
    }
    return ask_for_trial(Wish(**{**wish, **changes}))


def letters(kind: str = "", to: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Kind and context of what waits in the outbox, oldest first."""
    rows = Notice.objects.order_by("id")
    rows = rows.filter(kind=kind) if kind else rows
    rows = rows.filter(to=to) if to else rows
    return [
        (row.kind, json.loads(unseal(bytes(row.sealed), context=CONTEXT.format(id=row.id)))) for row in rows
    ]


def token_to(email: str, kind: str = "trial-verify") -> str:
    """The token in the newest link that was sent to this address."""
    link = letters(kind, email)[-1][1]["link"]
    found = re.fullmatch(rf"{BASE}/trial/(?:confirm|sign-in)/([A-Za-z0-9_-]{{43}})", link)
    assert found, link
    return found[1]


def try_out(email: str = "ada@engine.example", **changes: Any) -> Confirmed:
    """Ask and confirm."""
    ask(email, **changes)
    return confirm(token_to(email))


def trial_of(confirmed: Confirmed) -> Trial:
    assert confirmed.trial is not None, confirmed.sign_up.reason
    row: Trial = Trial.objects.select_related("runtime", "tenant", "owner").get(pk=confirmed.trial.pk)
    return row


def begin_trial(tenant: Tenant, runtime: Runtime, *, owner: User) -> Trial:
    """A tenant's trial as it stands while it runs, without a stranger behind it."""
    now = utcnow()
    return Trial.objects.create(
        tenant=tenant, owner=owner, person=b"\1" * 32, organisation=f"{tenant.slug}.example", company=tenant.name,
        region=runtime.region, plan="trial", stage="active", runtime=runtime, created_at=now, started_at=now,
        expires_at=now + 14 * DAY, next_at=now + DAY,
    )  # fmt: skip


def settle(runtime: Runtime | None, phase: str) -> None:
    """Let the runtime's open operation succeed, as if its landscape had done the work."""
    assert runtime is not None
    rows = Operation.objects.filter(runtime=runtime, slot__isnull=False)
    assert rows.exists(), "no operation is open"
    rows.update(state="succeeded", slot=None, finished_at=runtime.created_at, progress=100)
    gone = {"deleted_at": runtime.created_at} if phase == "deprovisioned" else {}
    Runtime.objects.filter(pk=runtime.pk).update(phase=phase, **gone)


def fail(runtime: Runtime | None) -> None:
    """Let the runtime's open operation fail."""
    assert runtime is not None
    Operation.objects.filter(runtime=runtime, slot__isnull=False).update(
        state="failed", slot=None, finished_at=runtime.created_at
    )
    Runtime.objects.filter(pk=runtime.pk).update(phase="failed")
