"""Which flow serves which kind of operation: the files of `provisioner.flows`, found by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from controlplane.kernel import plugins
from provisioner.flows.base import Flow

_given: dict[str, Flow] = {}


def all_flows() -> Mapping[str, Flow]:
    """Return {kind: flow}."""
    return _given or plugins.load("provisioner.flows", "flow")


def flow_of(kind: str) -> Flow:
    """Return the flow of a kind; raises KeyError when no file serves it."""
    return all_flows()[kind]


def starts() -> dict[str, dict[str, object]]:
    """Return {kind: {"step": its first, "seconds": its deadline}} for the SQL that starts a waiting wish."""
    return {
        kind: {"step": flow.steps[0].name, "seconds": flow.deadline.total_seconds()}
        for kind, flow in all_flows().items()
    }


def install(flows: Mapping[str, Flow]) -> None:
    """Serve these flows in this process instead of the files': for the benchmark's own worker."""
    _given.clear()
    _given.update(flows)


@contextmanager
def installed(flows: Mapping[str, Flow]) -> Iterator[None]:
    """Serve these flows for a while."""
    before = dict(_given)
    install(flows)
    try:
        yield
    finally:
        install(before)
