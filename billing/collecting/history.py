"""From the past that a landscape tells to samples. Pure.

The embedded landscape remembers what a reader would have seen (`provisioner/simulator/time_machine.py` has the format): demo data
comes this way, over HTTPS and through the same door as every other sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from billing.collecting.samples import gauges_of, levels_of
from billing.collecting.sight import epoch_of
from billing.meters.base import Balancer, Claim, Node, Part, Reading, Share
from billing.meters.registry import measure
from billing.usage.samples import SampleIn

Json = Mapping[str, Any]
HOUR = 3600


def samples_of(answer: Json, runtime: UUID, *, modules: Sequence[str] = ()) -> Iterator[SampleIn]:
    """Yield a sample for each reading of an answer, in its order; raises KeyError for what is no such answer."""
    epoch = epoch_of(answer["incarnation"])
    shapes = [_shape(each, modules) for each in answer["shapes"]]
    levels = [levels_of(measure(shape)) for shape in shapes]
    asked = [gauges_of(shape) for shape in shapes]
    components = [
        {name: (row[0], row[1]) for name, row in sorted(each["components"].items())}
        for each in answer["shapes"]
    ]
    told: int | None = None
    for seconds, number, *used in answer["readings"]:
        slot = datetime.fromtimestamp(seconds, UTC)
        hour, use = seconds // HOUR, None
        if hour != told:
            told, use = hour, _component_use(answer["shapes"][number]["components"])
        yield SampleIn(
            runtime=runtime,
            epoch=epoch,
            slot=slot,
            levels=levels[number],
            components=components[number],
            gauges=asked[number]._replace(
                workload_used_millicores=used[0],
                workload_used_mib=used[1],
                platform_used_millicores=used[2],
                platform_used_mib=used[3],
            ),
            reported_at=slot,
            component_use=use,
        )


def _shape(shape: Json, modules: Sequence[str]) -> Reading:
    nodes = [
        Node(
            f"{index}-{copy}", "", each["machine_type"], "", *_sizes(each), each["gpus"], each["gpu_model"],
            platform=bool(each.get("platform")),
        )
        for index, each in enumerate(shape["nodes"])
        for copy in range(each["count"])
    ]  # fmt: skip
    return Reading(
        at=datetime.min.replace(tzinfo=UTC),
        nodes=tuple(nodes),
        claims=tuple(Claim("", "", name, gib) for name, gib in sorted(shape["claims"].items())),
        snapshots=tuple(Claim("", "", name, gib) for name, gib in sorted(shape["snapshots"].items())),
        balancers=tuple(Balancer("", str(index), 1) for index in range(shape["balancers"])),
        modules=tuple(modules),
        usage_known=False,
        parts={part: _share(*shape["requested"][part.value]) for part in Part},
    )


def _share(millicores: int, mib: int, pods: int) -> Share:
    return Share(requested_millicores=millicores, requested_mib=mib, pods=pods)


def _sizes(node: Json) -> tuple[int, int, int, int]:
    return (
        node["capacity_millicores"],
        node["capacity_mib"],
        node["allocatable_millicores"],
        node["allocatable_mib"],
    )


def _component_use(components: Json) -> dict[str, tuple[int, int]]:
    return {name: (row[3], row[4]) for name, row in sorted(components.items())}
