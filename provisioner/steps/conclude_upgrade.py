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
LEFT = "modules_left"  # likewise: why the modules of before did not come back, and who can act
HALTED = "upgrade_halted"
Json = dict[str, Any]


def run(ctx: StepContext) -> Outcome:
    """Done once the row has the release; raises Fatal where the checks behind the upgrade failed (upgrade_halted), or with the
    code and for whom a step behind the workers failed: what only the tenant can mend is no fault of the release.
    """
    release, verdict = ctx.input["hops"][-1], ctx.kept.get("verdict") or {"ok": True, "reasons": []}
    if not verdict[
        "ok"
    ]:  # also where nobody came to bring them back: whatever changes the runtime next, does it then
        ctx = ctx.recalling((ctx.kept.get("before") or {}).get("modules", ()))
    ctx.noting(**{REPORT: report_of(ctx)})
    if verdict["ok"]:
        ctx.amended(release=release)
        return Done(f"The runtime runs release {release['key']}")
    raise Fatal(
        f"The upgrade to release {release['key']} was halted: {' '.join(verdict['reasons'][:3])} {_modules_now(ctx)}; Kubernetes "
        f"stays at {ctx.cluster.kubernetes_version}, for it never goes down. Mend this, then retry.",
        code=verdict.get("code") or HALTED,
        audience=_who_can_act(verdict, ctx.kept.get(LEFT)),
    )


def _modules_now(ctx: StepContext) -> str:
    if left := ctx.kept.get(LEFT):
        return f"The modules of before are wanted again and not back: {left['reason'].rstrip('.')}"
    if ctx.kept.get("modules_brought_back"):
        return "The modules of before were brought back"
    if ctx.kept.get("modules_switched"):
        return "The modules of before are wanted again, and nobody brought them back"
    return "No module was changed"


def _who_can_act(verdict: Mapping[str, Any], left: Mapping[str, Any] | None) -> Audience:
    """Return the tenant only where nothing is the platform's to mend."""
    said = {verdict.get("audience") or Audience.SRE, left["audience"] if left else Audience.TENANT}
    return Audience.SRE if Audience.SRE in said else Audience.TENANT


def report_of(ctx: StepContext) -> Json:
    """Return what was before and is after, and the changes between the two in rows for people."""
    verdict, before = ctx.kept.get("verdict") or {}, ctx.kept.get("before") or {}
    cluster, ok = ctx.cluster, bool(verdict.get("ok", True))
    left = None if ok else ctx.kept.get(LEFT)
    after = {
        **ctx.kept.get("after", {}),
        "at": rfc3339(utcnow()),
        "release": ctx.input["hops"][-1]["key"] if ok else before.get("release", ctx.input["before"]["key"]),
        "kubernetes": cluster.kubernetes_version,
        "machine_image": dict(cluster.machine_image),
        "modules": [asdict(wish) for wish in cluster.modules],
    }
    return {
        "outcome": "succeeded" if ok else "halted",
        "reasons": [*verdict.get("reasons", []), *([left["reason"]] if left else [])],
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
    max_attempts=30,
    time_left=timedelta(hours=1),
    retry_from="snapshot_owned",
    skip_refusal="This step alone says whether the upgrade came to its end; skipped, one that was halted would pass for well.",
)
