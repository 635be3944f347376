"""A simulated cluster is read like any other, and the simulator's memory of it tells the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest

from billing.collecting.credentials import Access
from billing.collecting.history import samples_of
from billing.collecting.parsing import read_sight
from billing.collecting.reader import Reader, Timeouts, session_for
from billing.collecting.resuming import ResumingContext
from billing.collecting.samples import sample_of
from billing.collecting.sight import Answers, Sight
from billing.meters.base import Part
from billing.usage.samples import SampleIn
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.drivers.kube.tls import context_of
from tests.collecting import clusters_removed
from tests.plugins.simulator import Simulator

NAME = "metered"


@pytest.fixture(scope="module")
def filled(simulator: Simulator) -> Iterator[Simulator]:
    with clusters_removed(simulator), simulator.set(fill=0.6):
        simulator.create_shoot(
            NAME, provider={"type": "aws", "workers": [_pool("main", 2, 6), _pool("gpu", 1, 1)]}
        )
        yield simulator


def _pool(name: str, least: int, most: int) -> dict[str, Any]:
    machine = "g6.xlarge" if name == "gpu" else "m6i.xlarge"
    return {
        "name": name, "machine": {"type": machine}, "minimum": least, "maximum": most, "zones": ["eu-central-1a"],
    }  # fmt: skip


def access_to(simulator: Simulator) -> Access:
    found = parse_kubeconfig(simulator.kubeconfig_of(NAME, "viewer").read_text())
    return Access(found.server, context_of(found, ResumingContext), found.token, "", time.time() + 60)


def read(simulator: Simulator, known: Access | None = None) -> Sight:
    access = known or access_to(simulator)

    async def lists() -> Answers:
        async with session_for(2) as session:
            return await Reader(session, Timeouts()).read(access)

    return read_sight(asyncio.run(lists()), at=datetime.now(UTC))


def remembered(simulator: Simulator, begin: datetime, end: datetime, step: int = 300) -> dict[str, Any]:
    times = f"from={begin:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}&step={step}"
    found: dict[str, Any] = simulator.call(
        "GET", f"/simulator/v1/usage?namespace=garden-nesoi&shoot={NAME}&{times}"
    )
    return found


def past(simulator: Simulator, begin: datetime, end: datetime, step: int = 300) -> list[SampleIn]:
    return list(samples_of(remembered(simulator, begin, end, step), uuid4()))


def test_a_viewer_sees_all_that_is_measured(filled: Simulator) -> None:
    seen = read(filled)
    assert set(seen.levels) >= {
        "vcpu",
        "memory",
        "gpu",
        "node",
        "block_storage",
        "snapshots",
        "control_plane",
    }
    assert seen.levels["gpu"] == {"NVIDIA-L4": 1}
    assert seen.reading.usage_known
    work, platform = seen.reading.parts[Part.WORKLOAD], seen.reading.parts[Part.PLATFORM]
    assert work.used_millicores > 0
    assert work.requested_millicores > 100
    assert platform.pods > work.pods / 10
    assert {"calico-node", "telemetry-agent", "coredns"} <= seen.reading.components.keys()
    assert seen.oddities == ()


def test_the_same_cluster_is_the_same_incarnation_each_time(filled: Simulator) -> None:
    first, second = read(filled), read(filled)
    assert first.epoch == second.epoch
    assert first.present == second.present


def test_the_next_visit_takes_up_the_tls_session_of_the_last(filled: Simulator) -> None:
    access = access_to(filled)
    resumed = []
    for _ in range(3):
        read(filled, access)
        resumed.append(access.context.resumed)
    assert resumed == [False, True, True]


def test_everything_that_is_counted_says_when_it_was_created(filled: Simulator) -> None:
    newest = read(filled).newest
    assert newest is not None
    assert newest <= datetime.now(UTC)


def test_memory_and_sight_agree(filled: Simulator) -> None:
    for _ in range(3):  # apps follow the time a minute behind
        seen = sample_of(uuid4(), datetime.now(UTC), read(filled))
        now = datetime.now(UTC).replace(microsecond=0)
        told = past(filled, now, now + timedelta(seconds=1), 1)[0]
        if told.levels == seen.levels and told.gauges[:4] == seen.gauges[:4]:
            break
    assert told.levels == seen.levels
    assert told.components == seen.components
    assert told.epoch == seen.epoch
    assert told.gauges[:4] == seen.gauges[:4]
    assert told.gauges[-2:] == seen.gauges[-2:]
    for remembered_use, seen_use in zip(told.gauges[4:8], seen.gauges[4:8], strict=True):
        assert remembered_use == pytest.approx(seen_use, rel=0.15, abs=3)


def test_the_past_has_days_and_nights(filled: Simulator) -> None:
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    week = past(filled, end - timedelta(days=7), end)
    assert len(week) == 7 * 288
    used = [each.gauges.workload_used_millicores or 0 for each in week]
    assert max(used) > 1.2 * min(used)
    assert sum(each.component_use is not None for each in week) == 7 * 24
    again = past(filled, end - timedelta(days=7), end)
    assert [each.gauges for each in week] == [each.gauges for each in again]


def test_six_weeks_are_told_in_seconds(filled: Simulator) -> None:
    end = datetime.now(UTC).replace(microsecond=0)
    began = time.monotonic()
    told = remembered(filled, end - timedelta(days=45), end)
    assert time.monotonic() - began < 20
    assert len(told["readings"]) == 45 * 288
    assert len(told["shapes"]) < 2_000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("shoot=nobody&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", 404),
        (f"shoot={NAME}&from=yesterday&to=2026-01-02T00:00:00Z", 400),
        (f"shoot={NAME}&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400),
        (f"shoot={NAME}&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&step=0", 400),
        (f"shoot={NAME}&from=2020-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&step=1", 400),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(filled: Simulator, query: str, code: int) -> None:
    with pytest.raises(HTTPError) as caught:
        filled.call("GET", f"/simulator/v1/usage?namespace=garden-nesoi&{query}")
    assert caught.value.code == code
