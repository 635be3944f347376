"""What is wanted of a runtime beside what was seen of it, line by line. Reads rows that the caller has, and asks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.console.presenters.badges import Badge
from provisioner.lifecycle.module_reading import ModuleSight
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

SAME = Badge("As wanted", "check-circle", "ok")
DIFFERS = Badge("Differs", "exclamation-triangle", "bad")
ON_ITS_WAY = Badge("On its way", "arrow-path", "busy")
UNSEEN = Badge("Not seen", "question-mark-circle", "wait")
WORKERS = "workers"


@dataclass(frozen=True)
class Line:
    """One thing: what it is to be, what it was seen as, and how the two stand."""

    what: str
    wanted: str
    seen: str
    badge: Badge
    note: str = ""


def diff_lines(
    runtime: Runtime, modules: Sequence[ModuleSight], drift: Sequence[str], *, follows: str, worked_on: bool
) -> list[Line]:
    """Return every line; `drift` are paths in the landscape's words, `follows` the release of its channel, or its pinned one.

    Unless it is `worked_on`, a wish that is not fulfilled is not on its way either.
    """
    moving = worked_on and runtime.observed_generation < runtime.generation
    seen, wish = runtime.status, runtime.cluster_spec
    compare = _Compared(moving=moving, seen=bool(seen.get("situation")))
    lines = [
        compare.line("Release", follows, runtime.release_key, "of its channel, or the one that it is pinned to"),
        compare.line("Wish", f"generation {runtime.generation}", f"generation {runtime.observed_generation}", "fulfilled"),
        compare.line("Kubernetes", wish.get("kubernetes_version", ""), seen.get("kubernetes_version", ""), version=True),
        compare.line("Hibernated", _yes(wish.get("hibernated")), _yes(seen.get("hibernated"))),
        *_workers(compare, wish, drift),
    ]  # fmt: skip
    other = [path for path in drift if WORKERS not in path]
    if other:
        lines.append(
            Line("Cluster", "as we said", f"changed: {', '.join(other)}", DIFFERS, "mended by itself")
        )
    return [*lines, *_modules(modules, failed=runtime.phase == Phase.FAILED and not worked_on)]


@dataclass(frozen=True)
class _Compared:
    moving: bool
    seen: bool

    def line(self, what: str, wanted: str, seen: str, note: str = "", *, version: bool = False) -> Line:
        same = seen == wanted or (version and bool(wanted) and seen.startswith(f"{wanted}."))
        return Line(what, wanted or "none", seen or "none", self.badge(same=same, known=bool(seen)), note)

    def badge(self, *, same: bool, known: bool = True) -> Badge:
        if same:
            return SAME
        if not (known and self.seen):
            return UNSEEN
        return ON_ITS_WAY if self.moving else DIFFERS


def _workers(compare: _Compared, wish: Mapping[str, Any], drift: Sequence[str]) -> Iterator[Line]:
    changed = [path for path in drift if WORKERS in path]
    for pool in wish.get("pools", ()):
        mine = [path for path in changed if pool["name"] in path]
        size = f"{pool['minimum']} to {pool['maximum']} {pool['machine_type']} in {', '.join(pool.get('zones') or ())}"
        seen = f"changed: {', '.join(mine)}" if mine else "as wanted" if compare.seen else "none"
        yield Line(f"Workers {pool['name']}", size, seen, compare.badge(same=compare.seen and not mine))
    strange = [path for path in changed if not any(pool["name"] in path for pool in wish.get("pools", ()))]
    if strange:
        yield Line("Workers", "as we said", f"changed: {', '.join(strange)}", DIFFERS, "mended by itself")


def _modules(modules: Iterable[ModuleSight], *, failed: bool) -> Iterator[Line]:
    for one in modules:
        same = one.observed_version == one.version and not one.drift
        badge = SAME if same else DIFFERS if failed or one.drift or one.state == "failed" else ON_ITS_WAY
        told = ", ".join(part for part in (one.observed_version or "not there", one.health) if part)
        note = one.message or (
            f"changed in the cluster: {', '.join(map(str, one.drift))}" if one.drift else ""
        )
        yield Line(f"Module {one.key}", one.version, told, badge, note)


def _yes(value: Any) -> str:
    return "yes" if value else "no"
