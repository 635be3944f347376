"""Where a release is in its life, and what it changes against the one before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from controlplane.catalog.hops import order_of
from controlplane.catalog.plans import ReleaseFacts

STATES = ("draft", "published", "withdrawn", "expired")


@dataclass(frozen=True)
class Part:
    """One part of a release, and what it was in the release before; empty where that did not have it, or this one has not."""

    what: str
    before: str
    now: str

    @property
    def change(self) -> str:
        """One of same, changed, new, gone."""
        if self.before == self.now:
            return "same"
        return "new" if not self.before else "changed" if self.now else "gone"


def state_of(release: ReleaseFacts, today: date) -> str:
    """Return one of STATES; runtimes are brought to published ones only."""
    if release.published_at is None:
        return "draft"
    if release.withdrawn:
        return "withdrawn"
    left = days_left(release, today)
    return "expired" if left is not None and left <= 0 else "published"


def days_left(release: ReleaseFacts, today: date) -> int | None:
    """Return the days until its end of life, negative behind it; None where no end is known."""
    return None if release.end_of_life is None else (release.end_of_life - today).days


def release_before(release: ReleaseFacts, releases: Iterable[ReleaseFacts]) -> ReleaseFacts | None:
    """Return the newest of those that are older, drafts left out."""
    older = [one for one in releases if one.published_at is not None and order_of(one) < order_of(release)]
    return max(older, key=order_of, default=None)


def parts_of(release: ReleaseFacts, before: ReleaseFacts | None) -> tuple[Part, ...]:
    """Return Kubernetes, the machine image and every module of either release, modules by their key."""
    now, then = _listed(release), _listed(before) if before else {}
    return tuple(Part(what, then.get(what, ""), now.get(what, "")) for what in {**now, **then})


def _listed(release: ReleaseFacts) -> dict[str, str]:
    image = release.machine_image
    modules = {key: release.modules[key] for key in sorted(release.modules)}
    return {
        "Kubernetes": release.kubernetes_patch,
        "Machine image": " ".join(str(image[name]) for name in ("name", "version") if image.get(name)),
        "Architectures": ", ".join(image.get("architectures", ())),
        **modules,
    }
