"""What can't be meant is refused before a rollout starts, by the API and in the form alike, with the reason and the fix."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse

from controlplane.catalog.loading.catalog import DATA
from controlplane.catalog.models import Release, Revision
from controlplane.catalog.releasing import point_channel, withdraw_release
from controlplane.kernel.clock import utcnow
from provisioner.modules import versions
from provisioner.modules.registry import all_modules
from provisioner.rollouts.models import Exclusion, MaintenanceWindow, Rollout
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking
from tests.rolling_out import NEW, fleet, no_gates
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db
WHERE = "/fleet/rollouts/new"
WISH: Mapping[str, str] = {
    "name": "October", "release": NEW, "selector": "all", "shape": "one", "max_concurrency": "10%", "max_failures": "2%",
    "step": "preview",
}  # fmt: skip
REST = {"name": "rest", "share": "rest"}
CANARY = {"name": "canary", "share": "1"}
Prepare = Callable[[World], object]


def nothing(_: World) -> None:
    """Leave the fleet as it is: four runtimes of Archipel's, a release behind."""


def runs(key: str, kubernetes: str) -> Prepare:
    """Let one runtime be on another release already."""

    def prepare(_: World) -> None:
        row = Runtime.objects.order_by("id")[0]
        release = {**row.spec["release"], "key": key, "kubernetes": kubernetes}
        Runtime.objects.update(spec={**row.spec, "release": release})

    return prepare


def needs_other_images(_: World) -> None:
    Runtime.objects.filter(pk=Runtime.objects.order_by("id")[0].pk).update(
        cluster_spec={"pools": [{"architecture": "riscv"}]}
    )


def expired(_: World) -> None:
    Release.objects.filter(pk=NEW).update(end_of_life=utcnow().date())
    Revision.objects.create(applied_at=utcnow(), applied_by="test", changes=[])


def withdrawn(world: World) -> None:
    point_channel(actor=world.sam.actor, key="regular", release="2026.11.1")
    withdraw_release(actor=world.sam.actor, key=NEW, reason="nodes lose their network")


def never_opens(world: World) -> None:
    MaintenanceWindow.objects.create(
        tenant=world.archipel, days=["sat"], begin="02:00", end="04:00", time_zone="UTC", created_by="test"
    )
    ends = utcnow() + timedelta(days=500)
    Exclusion.objects.create(
        tenant=world.archipel, begins_at=utcnow(), ends_at=ends, reason="x", created_by="test"
    )


def rolled_out_by_another(world: World) -> None:
    made = create_rollout(
        actor=world.sam.actor, name="Other", release=NEW, selector="all", plan=no_gates("rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)


@dataclass(frozen=True)
class Case:
    """One thing that can't be meant: its stable code, words of its reason, and words of its fix."""

    code: str
    reason: str
    fix: str
    changes: Mapping[str, str] = field(
        default_factory=dict
    )  # of release and selector, the same at both doors
    plan: Mapping[str, Any] = field(default_factory=dict)  # as the API takes it
    form: Mapping[str, str] = field(default_factory=dict)  # the same as the form sends it
    prepare: Prepare = nothing


def staged(*stages: dict[str, Any], **typed: str) -> dict[str, Any]:
    """The same stages for both doors; `typed` are fields of the first as the form has them."""
    rows = [dict(one) for one in stages]
    plain = [{key: value for key, value in row.items() if key in {"name", "share", "select"}} for row in rows]
    plain[0] |= typed
    form = {f"stages.{n}.{key}": value for n, row in enumerate(plain) for key, value in row.items()}
    return {"plan": {"stages": rows}, "form": {"shape": "own", **form}}


CASES = [
    Case("selection_empty", "No runtime is selected", "Widen it", {"selector": "plan=gcp"}),
    Case("selector_empty", "selects nobody", "write at least 0.01%", {"selector": "cohort=0%"}),
    Case("selector_unknown_key", "regoin", "Did you mean region?", {"selector": "regoin=eu-central-1"}),
    Case("selector_unknown_value", "awss", "Did you mean aws?", {"selector": "plan=awss"}),
    Case("selector_unknown_value", "shpo", "Did you mean shop?", {"selector": "account=shpo"}),
    Case("selector_unknown_value", "1.43", "Choose one of: 1.33, 1.33.8, 1.34,", {"selector": "kubernetes=1.43"}),
    Case("release_unknown", "no release", "Did you mean 2026.10.1?", {"release": "2026.10.11"}),
    Case("release_unpublished", "is a draft", "publish it first", {"release": "2026.12.1"}),
    Case("release_older", "versions never go down", "Choose a newer release", prepare=runs("2026.11.1", "1.35.4")),
    Case("release_expired", "end of life", "choose a newer one", prepare=expired),
    Case("release_withdrawn", "lose their network", "choose another one", prepare=withdrawn),
    Case("hop_missing", "has to pass 1.34", "Publish one", {"release": "2026.11.1"}, prepare=withdrawn),
    Case("plan_unsupported", "no machine image for riscv", "Select without them", prepare=needs_other_images),
    Case("rollouts_overlap", "Other (4)", "allow the overlap", prepare=rolled_out_by_another),
    Case("window_never_opens", "never opens", "change the window", prepare=never_opens),
    Case(
        "percent_over_100", "120%", "write at most 100%", plan={"max_concurrency": "120%"}, form={"max_concurrency": "120%"},
    ),
    Case("amount_zero", "nothing would", "write at least 1", plan={"max_concurrency": 0}, form={"max_concurrency": "0"}),
    Case("windows_not_ignorable", "urgent", "make it urgent", plan={"windows": "ignore"}, form={"ignore_windows": "on"}),
    Case("stage_without_targets", "finds no runtime", "leave it out", **staged({**CANARY, "select": "plan=gcp"}, REST)),
    Case("members_without_stage", "come in no stage", "share is “rest”", **staged(CANARY)),
    Case(
        "gate_never_met", "is 9", "write 1 to 5",
        **staged({**REST, "after": [{"kind": "approval", "approvers": 9}]}, approvals="9"),
    ),
    Case(
        "gate_never_met", "asks 5 people, and only 1 may", "Write at most 1, or give the role",
        **staged({**REST, "after": [{"kind": "approval", "approvers": 5}]}, approvals="5"),
    ),
    Case(
        "gate_never_met", "101", "write 0 to 100",
        **staged({**REST, "after": [{"kind": "health", "healthy_percent": 101}]}, healthy="101"),
    ),
    Case(
        "gate_never_met", "is over", "",
        **staged({**REST, "before": [{"kind": "scheduled_start", "at": "2020-01-01T00:00Z"}]}, begins_at="2020-01-01T00:00Z"),
    ),
]  # fmt: skip


def told_by(answer: HttpResponse) -> Any:
    return json.loads(answer.content)


@contextmanager
def as_if_nothing_happened() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_both_doors_refuse_alike(world: World) -> None:
    """One walk over the table: each case is prepared, asked at both doors, and taken back."""
    fleet(world.shop, [world.landscape], 4)
    api, form, wrong = Asking(world.sam), browse(world.sam), []
    for case in CASES:
        with as_if_nothing_happened():
            case.prepare(world)
            kept = Rollout.objects.count()
            body = {"release": NEW, "selector": "all", **case.changes, "plan": dict(case.plan)}
            answers = {
                door: api.post(f"/rollouts{door}", asked)
                for door, asked in (("/preview", body), ("", {**body, "name": "x"}))
            }
            for door, answer in answers.items():
                told = told_by(answer)
                if (told.get("code"), case.reason in str(told), case.fix in str(told)) != (
                    case.code,
                    True,
                    True,
                ):
                    wrong.append((door, case, told))
            page = form.post(WHERE, {**WISH, **case.changes, **case.form})
            if (page.status_code, case.reason in text(page), case.fix in text(page)) != (422, True, True):
                wrong.append(("form", case, [one.text for one in page.context["problems"]]))
            assert Rollout.objects.count() == kept, (case, wrong)
    assert not wrong, "\n".join(map(str, wrong))


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    """A copy of the catalog's files that may be edited."""
    copy = tmp_path / "catalog"
    shutil.copytree(DATA, copy)
    settings.CATALOG_DIR = str(copy)
    return copy / "releases"


@pytest.fixture
def drafted(world: World) -> Rollout:
    """A rollout that could start."""
    fleet(world.shop, [world.landscape], 2)
    return create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )


def refused_everywhere(world: World, drafted: Rollout, code: str, *words: str) -> None:
    """A preview, and the start of what was drafted before, at both doors."""
    api, form = Asking(world.sam), browse(world.sam)
    answers = [
        api.post("/rollouts/preview", {"release": NEW, "selector": "all"}),
        api.post(f"/rollouts/{drafted.pk}/start"),
    ]
    assert [(answer.status_code, told_by(answer)["code"]) for answer in answers] == [(409, code)] * 2
    pages = [form.post(WHERE, WISH), form.post(f"/fleet/rollouts/{drafted.pk}/start")]
    assert [page.status_code for page in pages] == [422, 422]
    for told in [*(told_by(answer)["detail"] for answer in answers), *map(text, pages)]:
        assert all(word in told for word in words), told
    drafted.refresh_from_db()
    assert drafted.state == "draft"


def test_a_release_whose_file_was_changed_behind_its_publishing(
    world: World, files: Path, drafted: Rollout
) -> None:
    file = files / f"{NEW}.yaml"
    said = file.read_text()
    file.write_text(said.replace("eventing: 2.12.1", "eventing: 2.12.2"))
    refused_everywhere(
        world,
        drafted,
        "release_changed_on_disk",
        f"releases/{NEW}.yaml says something else now (modules)",
        "Restore the file",
    )
    file.write_text("modules: {")
    refused_everywhere(world, drafted, "release_changed_on_disk", "Mend or restore it")
    end = utcnow().date() + timedelta(days=300)
    file.write_text(said.replace("kubernetes:", f"end_of_life: {end}\nkubernetes:", 1))
    assert Asking(world.sam).post(f"/rollouts/{drafted.pk}/start").status_code == 200, "its end may move"


def test_a_release_whose_modules_need_one_another_in_a_circle(
    world: World, drafted: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(all_modules())
    known["service-mesh"] = replace(known["service-mesh"], requires=("api-gateway",))
    monkeypatch.setattr(versions, "all_modules", lambda: known)
    refused_everywhere(
        world, drafted, "module_cycle", "api-gateway → service-mesh → api-gateway", "Take one `requires` out"
    )


def test_a_release_whose_own_modules_can_not_be_together(
    world: World, drafted: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(all_modules())
    known["telemetry"] = replace(
        known["telemetry"], mandatory=True, conflicts={"isolation": "both label every pod"}
    )
    monkeypatch.setattr(versions, "all_modules", lambda: known)
    refused_everywhere(
        world, drafted, "module_conflict", "isolation and telemetry can't be together", "Choose one"
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("serverless", "autoscaling"), "Modules serverless and autoscaling can't be together"),
        (("api-gateway",), "Module api-gateway needs service-mesh: add it first."),
    ],
)
def test_runtimes_whose_modules_do_not_fit_are_named_before_the_start_with_the_way_out(
    world: World, keys: tuple[str, ...], told: str
) -> None:
    row = fleet(world.shop, [world.landscape], 2)[0]
    chosen = [{"key": key, "version": "1.0.0"} for key in keys]
    Runtime.objects.filter(pk=row.pk).update(cluster_spec={**row.cluster_spec, "modules": chosen})
    found = told_by(Asking(world.sam).post("/rollouts/preview", {"release": NEW, "selector": "all"}))[
        "ineligible"
    ]
    assert [(one["code"], one["names"]) for one in found] == [("upgrade_blocked", [row.name])]
    assert told in found[0]["reason"]
    assert told in text(browse(world.sam).post(WHERE, WISH))
