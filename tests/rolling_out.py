"""Rollouts for tests and benchmarks: a fleet in bulk, and upgrades that take as long, and come out, as a seed says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db import connection

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Account
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle.upgrade import Start
from provisioner.rollouts import ports
from provisioner.rollouts.models import Rollout, Target
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import ClusterSpec, WorkerPool

OLD, NEW = "2026.9.1", "2026.10.1"
KUBERNETES = {"2026.9.1": "1.33.8", "2026.10.1": "1.34.8", "2026.11.1": "1.35.4"}
CLUSTER = ClusterSpec(
    name="c", provider="aws", region="eu-central-1", kubernetes_version="1.33.8",
    pools=(WorkerPool("system", "m6i.large", 1, 2, ("eu-central-1a",), system=True),),
).as_json()  # fmt: skip
SPEC: dict[str, Any] = {"parameters": {"channel": "regular"}, "hibernated": False}


def release(key: str) -> dict[str, Any]:
    """What a runtime's spec keeps of a release."""
    return {
        "key": key,
        "kubernetes": KUBERNETES[key],
        "machine_image": {"architectures": ["amd64"]},
        "modules": {},
    }


def fleet(account: Account, landscapes: Sequence[Landscape], count: int, **fields: Any) -> list[Runtime]:
    """So many ready runtimes on the old release, dealt out to the landscapes and two regions.

    The same tenant and account give the same ids: order, durations and failures depend on these.
    """
    made = []
    digest = blake2b(f"{account.tenant.slug}/{account.slug}".encode(), digest_size=8).digest()
    first = int.from_bytes(digest) << 64
    for number in range(count):
        row = Runtime(
            id=UUID(int=first + number), tenant_id=account.tenant_id, account=account,
            landscape=landscapes[number % len(landscapes)],
            plan_id="aws", name=f"r-{account.slug}-{number:05}", cluster_name=f"{account.slug[:3]}{number:07}",
            region=("eu-central-1", "us-east-1")[number % 2], spec={**SPEC, "release": release(OLD)},
            cluster_spec=CLUSTER, phase="ready", observed_generation=1, first_ready_at=utcnow(),
            status={"situation": "ready"}, created_by="test", labels={"tier": ("gold", "base")[number % 2]},
        )  # fmt: skip
        for name, value in fields.items():
            setattr(row, name, value)
        made.append(row)
    return Runtime.objects.bulk_create(made)


@dataclass
class Upgrades:
    """Upgrades without a cluster: an operation's row that ends when its time has come, and the runtime's release with it."""

    seconds: Callable[[UUID], float] = lambda _runtime: 60.0
    fails: Callable[[UUID], str] = lambda _runtime: ""  # an error's code, or empty
    clock: Callable[[], datetime] = utcnow
    refuses: Callable[[UUID], None] = lambda _runtime: None
    begun: list[tuple[datetime, UUID]] = field(default_factory=list)
    ended: list[tuple[datetime, UUID, bool]] = field(default_factory=list)
    due: dict[UUID, tuple[datetime, UUID, str]] = field(default_factory=dict)  # by operation

    def begin(self, starts: Sequence[Start]) -> list[UUID | Refused]:
        """Stand in for the door: one statement."""
        now, answers = self.clock(), list[UUID | Refused]()
        for start in starts:
            try:
                self.refuses(start.runtime_id)
            except Refused as refused:
                answers.append(refused)
                continue
            operation = uuid7()
            answers.append(operation)
            self.takes(operation, start.runtime_id, now)
        values: dict[str, Any] = {
            "ids": [one if isinstance(one, UUID) else None for one in answers],
            "runtimes": [start.runtime_id for start in starts],
            "releases": [start.release for start in starts],
            "now": now,
        }
        with connection.cursor() as cursor:
            cursor.execute(BEGIN, values)
        return answers

    def takes(self, operation: UUID, runtime_id: UUID, now: datetime) -> None:
        """Remember what began, and when it ends."""
        self.begun.append((now, runtime_id))
        ends = now + timedelta(seconds=self.seconds(runtime_id))
        self.due[operation] = (ends, runtime_id, self.fails(runtime_id))

    def through_the_door(self, starts: Sequence[Start]) -> list[UUID | Refused]:
        """Order them as the product does: only what upgrades would do afterwards is left out."""
        answers = ports.through_the_door(starts)
        for start, answer in zip(starts, answers, strict=True):
            if isinstance(answer, UUID):
                self.takes(answer, start.runtime_id, self.clock())
        return answers

    def end_due(self, now: datetime) -> int:
        """End what is due, in one statement."""
        over = {key: value for key, value in list(self.due.items()) if value[0] <= now}
        for key, (at, runtime_id, code) in over.items():
            del self.due[key]
            self.ended.append((at, runtime_id, not code))
        if over:
            values: dict[str, Any] = {
                "ids": list(over),
                "ats": [v[0] for v in over.values()],
                "codes": [v[2] for v in over.values()],
            }
            with connection.cursor() as cursor:
                cursor.execute(END, values)
        return len(over)


BEGIN = """
INSERT INTO operations_operation (id, tenant_id, runtime_id, landscape_id, kind, generation, input, requested_by, request_id,
    state, slot, step, steps_done, attempts, reason, progress, share, due_at, fence, wakes, cancel_reason, deadline, error_class,
    error_code, error_message, error_audience, created_at, started_at)
SELECT b.id, r.tenant_id, r.id, r.landscape_id, 'upgrade', r.generation, jsonb_build_object('release', b.release), 'system',
    '', 'waiting', 'active', 'roll', '[]', 1, '', 0, 0, %(now)s + interval '1 year', 1, 0, '', %(now)s + interval '1 year', '',
    '', '', '', %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(runtimes)s::uuid[], %(releases)s::text[]) AS b(id, runtime, release)
JOIN runtimes_runtime r ON r.id = b.runtime WHERE b.id IS NOT NULL"""
END = """
WITH over AS (
    UPDATE operations_operation o
    SET slot = NULL, finished_at = d.at, state = CASE WHEN d.code = '' THEN 'succeeded' ELSE 'failed' END,
        error_class = CASE WHEN d.code = '' THEN '' ELSE 'fatal' END, error_code = d.code,
        error_message = CASE WHEN d.code = '' THEN '' ELSE 'it broke' END,
        error_audience = CASE WHEN d.code = '' THEN '' ELSE 'sre' END
    FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[], %(codes)s::text[]) AS d(id, at, code) WHERE o.id = d.id
    RETURNING o.runtime_id, o.state, o.input ->> 'release' AS release
)
UPDATE runtimes_runtime r SET spec = jsonb_set(r.spec, '{release,key}', to_jsonb(over.release))
FROM over WHERE r.id = over.runtime_id AND over.state = 'succeeded'"""


@contextmanager
def upgrading(upgrades: Upgrades, *, door: bool = False) -> Iterator[Upgrades]:
    """Let rollouts begin these upgrades, by the door that everybody takes or by a stand-in."""
    before, ports.begin = ports.begin, upgrades.through_the_door if door else upgrades.begin
    try:
        yield upgrades
    finally:
        ports.begin = before


def drawn(seed: int, *, mean: float, failing: float = 0.0) -> dict[str, Any]:
    """Durations (log-normal, as upgrades are) and failures by runtime: the same for the same seed, whoever asks when."""

    def of(runtime_id: UUID, what: str) -> random.Random:
        return random.Random(f"{seed}/{runtime_id}/{what}")

    return {
        "seconds": lambda one: mean * of(one, "seconds").lognormvariate(-0.08, 0.4),
        "fails": lambda one: "ERR_BROKEN" if of(one, "fails").random() < failing else "",
    }


def states(rollout: Rollout) -> dict[str, int]:
    """How many of its targets are in each state."""
    found: dict[str, int] = {}
    for state in Target.objects.filter(rollout=rollout).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def set_status(runtimes: Sequence[Runtime], situation: str) -> None:
    Runtime.objects.filter(pk__in=[one.pk for one in runtimes]).update(status={"situation": situation})


def no_gates(*shares: Any, **limits: Any) -> Mapping[str, Any]:
    """A plan of stages of these shares, without gates."""
    return {"stages": [{"name": f"s{n}", "share": share} for n, share in enumerate(shares)], **limits}
