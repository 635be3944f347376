"""Count the runtime as running the release, or say why it was halted; either way leave what changed for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Audience, Fatal
from provisioner.steps.base import Done, Outcome, Step, StepContext

REPORT = "report"  # in the operation's notes
HALTED = "upgrade_halted"
Json = dict[str, Any]


def run(ctx: StepContext) -> Outcome:
    """Done once the row has the release; raises Fatal where the checks behind the upgrade failed (upgrade_halted), or with the
    code and for whom a step behind the workers was refused: what only the tenant can mend is no fault of the release.
    """
    release, verdict = ctx.input["hops"][-1], ctx.kept.get("verdict") or {"ok": True, "reasons": []}
    ctx.noting(**{REPORT: report_of(ctx)})
    if verdict["ok"]:
        ctx.amended(release=release)
        return Done(f"The runtime runs release {release['key']}")
    raise Fatal(
        f"The upgrade to release {release['key']} was halted: {' '.join(verdict['reasons'][:3])} The modules of before were "
        f"brought back; Kubernetes stays at {ctx.cluster.kubernetes_version}, for it never goes down. Mend this, then retry.",
        code=verdict.get("code") or HALTED,
        audience=Audience(verdict.get("audience") or Audience.SRE),
    )


def report_of(ctx: StepContext) -> Json:
    """Return what was before and is after, and the changes between the two in rows for people."""
    verdict, before = ctx.kept.get("verdict") or {}, ctx.kept.get("before") or {}
    cluster = ctx.cluster
    ok = bool(verdict.get("ok", True))
    after = {
        **ctx.kept.get("after", {}),
        "at": rfc3339(utcnow()),
        "release": ctx.input["hops"][-1]["key"] if ok else ctx.input["before"]["key"],
        "kubernetes": cluster.kubernetes_version,
        "machine_image": dict(cluster.machine_image),
        "modules": [asdict(wish) for wish in cluster.modules],
    }
    return {
        "outcome": "succeeded" if ok else "halted",
        "reasons": verdict.get("reasons", []),
        "hops": [hop["key"] for hop in ctx.input["hops"]],
        "before": before,
        "after": after,
        "changes": list(changes(before, after)),
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Json]:
    """Yield {"what", "before", "after"} for everything that is another version now, in words."""
    for name, title in (("release", "Release"), ("kubernetes", "Kubernetes")):
        yield from _changed(title, before.get(name, ""), after.get(name, ""))
    yield from _changed("Machine image", _image(before), _image(after))
    old, new = _modules(before), _modules(after)
    for key in dict.fromkeys([*old, *new]):
        yield from _changed(f"Module {key}", old.get(key, ""), new.get(key, ""))


def _changed(what: str, old: str, new: str) -> Iterator[Json]:
    if old != new:
        yield {"what": what, "before": old, "after": new}


def _image(side: Mapping[str, Any]) -> str:
    image = side.get("machine_image") or {}
    return f"{image.get('name', '')} {image.get('version', '')}".strip()


def _modules(side: Mapping[str, Any]) -> dict[str, str]:
    return {wish["key"]: wish["version"] for wish in side.get("modules", ())}


step = Step(
    name="conclude_upgrade",
    title="Conclude the upgrade",
    run=run,
    deadline=timedelta(minutes=15),
    calls_landscape=False,
    retry_from="snapshot_owned",
)
