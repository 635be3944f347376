"""Which flow serves which kind of operation: the files of `provisioner.flows`, found by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from controlplane.kernel import plugins
from controlplane.kernel.errors import Fatal
from provisioner.flows.base import Flow

_given: dict[str, Flow] = {}
_starts: dict[str, str] = {}  # written once for every set of flows


def all_flows() -> Mapping[str, Flow]:
    """Return {kind: flow}."""
    return _given or plugins.load("provisioner.flows", "flow")


def flow_of(kind: str) -> Flow:
    """Return the flow of a kind; raises Fatal when no file serves it."""
    try:
        return all_flows()[kind]
    except KeyError:
        raise Fatal(f"No flow serves operations of the kind {kind}.", code="kind_unknown") from None


def begins_again_at(kind: str, step: str) -> str:
    """Return where a retry of an operation that failed at this step begins; raises Fatal for a kind that no file serves."""
    found = next((one for one in flow_of(kind).steps if one.name == step), None)
    return (found.retry_from if found else "") or step


def starts() -> str:
    """Return {kind: {"step": its first, "seconds": its deadline}} as JSON, for the SQL that starts a waiting wish."""
    if "all" not in _starts:
        found = {
            kind: {"step": flow.steps[0].name, "seconds": flow.deadline.total_seconds()}
            for kind, flow in all_flows().items()
        }
        _starts["all"] = json.dumps(found)
    return _starts["all"]


def install(flows: Mapping[str, Flow]) -> None:
    """Serve these flows in this process instead of the files': for the benchmark's own worker."""
    _starts.clear()
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
