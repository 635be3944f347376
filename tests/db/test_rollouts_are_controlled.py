"""What people do to rollouts: preview, pause, stop everything, approve, abort; each leaves its audit row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from controlplane.catalog.facts import snapshot
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import ApiToken, AuditEvent, User
from provisioner.rollouts import reading, services, why_not
from provisioner.rollouts.models import Exclusion, Gate, Rollout, Stage, Target
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.months import CORE_HOUR, JULY, JUNE, begin, drafted, runtime, sealed, use
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, release, set_status, states, upgrading
from tests.signed_in import browse
from tests.work import refused
from tests.world import World, landscape

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def draft(world: World, **wish: Any) -> Rollout:
    given: dict[str, Any] = {
        "actor": world.sam.actor, "name": "October", "release": NEW, "selector": "all", "plan": no_gates("rest"),
    }  # fmt: skip
    return services.create_rollout(**{**given, **wish})


def started(world: World, **wish: Any) -> Rollout:
    return services.start_rollout(actor=world.sam.actor, rollout_id=draft(world, **wish).id)


def state(rollout: Rollout) -> str:
    rollout.refresh_from_db()
    return rollout.state


def test_only_the_platforms_sres_change_rollouts(world: World) -> None:
    fleet(world.shop, [world.landscape], 1)
    for actor in (world.alice.actor, world.bob.actor):
        with refused("forbidden"):
            draft(world, actor=actor)
        with refused("forbidden"):
            reading.list_rollouts(actor=actor)
        with refused("forbidden"):
            services.stop_everything(actor=actor, reason="no")


def test_a_preview_says_what_its_tenants_were_billed_last(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    fleet(world.main, [world.landscape], 1)

    def revenue(selector: str) -> dict[str, Decimal]:
        found = services.preview_rollout(
            actor=world.sam.actor, release=NEW, selector=selector, plan=no_gates("rest")
        )
        assert [stage.revenue for stage in found.stages] == [found.revenue]
        return dict(found.revenue)

    begin()
    shop, main = runtime(), runtime()
    use(shop, world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    use(shop, world.shop, JULY, days=31, vcpu=20 * CORE_HOUR)
    use(main, world.main, JUNE, days=30, vcpu=30 * CORE_HOUR)
    assert revenue("all") == {}, "nothing is sealed yet"
    older, newer = sealed(world.archipel, JUNE), sealed(world.archipel, JULY)
    drafted(world.basalt, JUNE)
    assert revenue("all") == {"EUR": newer.total}, "the newest of each, and no draft"
    assert newer.total > older.total > 0
    theirs = sealed(world.basalt, JUNE)
    assert revenue("all") == {"EUR": newer.total + theirs.total}
    assert revenue("tenant=basalt") == {"EUR": theirs.total}


def test_a_preview_says_who_when_and_why_not_and_writes_nothing(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 20)
    fleet(world.main, [world.landscape], 4)
    runtimes[0].pinned = "2026.9.1"
    runtimes[0].save()
    found = services.preview_rollout(
        actor=world.sam.actor, release=NEW, selector="tenant=archipel", plan=no_gates(2, "rest")
    )
    assert (found.members, found.tenants, found.max_concurrency) == (20, 1, 2)
    assert [(stage.name, stage.members) for stage in found.stages] == [("s0", 2), ("s1", 18)]
    assert [(one.code, one.count, one.passing) for one in found.ineligible] == [("runtime_pinned", 1, True)]
    assert found.finish.low <= found.finish.likely <= found.finish.high
    assert not Rollout.objects.exists()
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(NOW + timedelta(days=2)).weekday()]
    services.add_window(
        actor=world.alice.actor, owner=services.Owner(runtime_id=runtimes[1].pk), days=[day], begin="02:00",
        end="03:00", time_zone="UTC",
    )  # fmt: skip
    plan = {"stages": [{"name": "first", "share": 1, "select": f"name={runtimes[1].name}"}, {"name": "rest"}]}
    found = services.preview_rollout(
        actor=world.sam.actor, release=NEW, selector="tenant=archipel", plan=plan
    )
    assert [(one.name, one.wait_for_windows) for one in found.stages] == [("first", 1), ("rest", 0)]


def test_a_landscapes_limit_says_when_it_will_be_done_before_and_under_way(world: World) -> None:
    fleet(world.shop, [world.landscape], 40)
    plan = no_gates("rest", max_concurrency=20, per_landscape={"max_concurrency": 1})
    found = services.preview_rollout(actor=world.sam.actor, release=NEW, selector="all", plan=plan)
    assert found.stages[0].max_concurrency == 1
    assert found.finish.low > NOW + 40 * timedelta(seconds=300), "the shortest upgrade that is imagined"
    assert found.finish.bound_by == "the number at once in one landscape"
    with upgrading(Upgrades()):
        rollout = started(world, plan=plan)
        tick()
    rollout.refresh_from_db()
    assert rollout.finish_bound_by == "the number at once in one landscape"
    assert rollout.finish_low is not None
    assert rollout.finish_low > NOW + 39 * timedelta(seconds=300)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"release": "2026.10.2"}, "release_unknown"),
        ({"selector": "plan=nosuch"}, "selector_unknown_value"),
        ({"selector": "name=none"}, "selection_empty"),
        ({"plan": {"windows": "ignore"}}, "windows_not_ignorable"),
        ({"plan": {"max_failures": "120%"}}, "percent_over_100"),
        ({"name": ""}, "name_invalid"),
    ],
)
def test_a_rollout_that_can_not_be_meant_is_refused_before_it_starts(
    world: World, wish: dict[str, Any], code: str
) -> None:
    fleet(world.shop, [world.landscape], 1)
    with refused(code):
        draft(world, **wish)


def test_runtimes_that_are_ahead_are_done_and_no_targets_at_the_start_or_later(world: World) -> None:
    first = fleet(world.shop, [world.landscape], 2)[0]
    newer = fleet(world.main, [world.landscape], 1)[0]
    newer.spec = {
        **newer.spec,
        "release": {**newer.spec["release"], "key": "2026.11.1", "kubernetes": "1.35.4"},
    }
    newer.save()
    with refused("release_older"):
        draft(world, selector="tenant=basalt")  # nobody is left to go there
    with upgrading(Upgrades()):
        rollout = started(world, plan=no_gates("rest", max_concurrency=1, join="last_stage"))
        assert Target.objects.filter(rollout=rollout).count() == 2
        Target.objects.update(state="blocked", reason_code="upgrade_blocked", due_at=NOW + timedelta(days=1))
        Runtime.objects.filter(pk=first.pk).update(spec=newer.spec)
        tick(clock=datetime.now(UTC) + timedelta(minutes=2))
    assert not Target.objects.filter(rollout=rollout, runtime=newer.pk).exists()
    assert dict(Target.objects.values_list("runtime", "state"))[first.pk] == "succeeded"
    Runtime.objects.filter(pk=newer.pk).update(spec={**newer.spec, "release": {"key": "2026.12.1"}})
    assert why_not.left_behind(actor=world.sam.actor, release="2026.12.1") == []


def test_what_the_door_calls_older_is_done(world: World) -> None:
    fleet(world.shop, [world.landscape], 1)

    def refuses(_runtime: object) -> None:
        raise Refused("release_older", "Versions never go down.", status=409)

    with upgrading(Upgrades(refuses=refuses)):
        rollout = started(world, plan=no_gates("rest"))
        tick()
        tick()
    assert states(rollout) == {"succeeded": 1}


def test_rollouts_over_the_same_runtimes_are_refused_unless_they_may_wait_for_each_other(
    world: World,
) -> None:
    fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades()) as upgrades:
        started(world, plan=no_gates("rest", max_concurrency=1))
        tick()
        with pytest.raises(Refused) as caught:
            draft(world)
        assert caught.value.code == "rollouts_overlap"
        urgent = started(world, urgent=True, plan=no_gates("rest", max_concurrency=2))
        tick()
        assert len(upgrades.begun) == len({one for _, one in upgrades.begun}) == 2
        waiting = Target.objects.get(rollout=urgent, state="waiting")
        assert (waiting.reason_code, waiting.reason) == ("other_rollout", "rollout October upgrades it now")
        held = Target.objects.exclude(rollout=urgent).get(state="ready")
        assert held.runtime_id != waiting.runtime_id


def test_nothing_begins_once_a_pause_or_the_emergency_stop_has_answered(world: World) -> None:
    fleet(world.shop, [world.landscape], 4)
    with upgrading(Upgrades()) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=2))
        tick(most_starts=0)  # decided, and then its scheduler died
        services.pause_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="a look at it")
        tick()
        assert not upgrades.begun
        assert (
            "a look at it"
            in why_not.why_not(
                actor=world.sam.actor, runtime_id=Target.objects.filter(rollout=rollout)[0].runtime_id
            )[0]
            .links[0]
            .reason
        )
        services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick()
        tick()
        assert len(upgrades.begun) == 2
        services.stop_everything(actor=world.sam.actor, reason="the provider burns")
        assert state(rollout) == "paused"
        with refused("emergency_stop"):
            services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        services.release_stop(actor=world.sam.actor)
        services.resume_rollout(actor=world.sam.actor, rollout_id=rollout.id)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"rollout.create", "rollout.running", "rollout.paused", "rollout.emergency_stop"} <= actions


def test_no_retry_gets_past_the_emergency_stop(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades(seconds=lambda _: 0.0, fails=lambda _: "ERR_BROKEN")) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=2, max_failures="100%"))
        tick()
        upgrades.end_due(datetime.now(UTC))
        tick()
        assert state(rollout) == "completed"
        services.stop_everything(actor=world.sam.actor, reason="the provider burns")
        again = services.Choice(state="failed")
        with refused("emergency_stop"):
            services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=again)
        assert states(rollout) == {"failed": 2}
        # And were a rollout to run all the same, nothing of it would begin.
        services.release_stop(actor=world.sam.actor)
        services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=again)
        tick(most_starts=0)
        services.stop_everything(actor=world.sam.actor, reason="the provider burns")
        Rollout.objects.filter(pk=rollout.id).update(state="running")
        tick()
        assert len(upgrades.begun) == 2


def test_an_aborted_rollout_lets_what_runs_end_and_leaves_the_others_behind(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    with upgrading(Upgrades(seconds=lambda _: 0.0)) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        tick()
        services.abort_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="wrong release")
        assert state(rollout) == "aborting"
        tick()
        assert len(upgrades.begun) == 1
        upgrades.end_due(datetime.now(UTC))
        tick()
    assert state(rollout) == "aborted"
    assert states(rollout) == {"succeeded": 1, "left_behind": 2}
    assert list(Stage.objects.values_list("state", flat=True)) == ["skipped"], "nothing runs any more"
    assert reading.list_rollouts(actor=world.sam.actor)[0].counts["left_behind"] == 2


def test_a_gate_holds_the_next_stage_until_enough_have_approved(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    plan = {"stages": [{"name": "canary", "share": 1, "after": [{"kind": "approval"}]}, {"name": "rest"}]}
    with upgrading(Upgrades(seconds=lambda _: 0.0)) as upgrades:
        rollout = started(world, plan=plan)
        tick()
        upgrades.end_due(datetime.now(UTC))
        tick()
        tick()
        assert len(upgrades.begun) == 1
        stage = Stage.objects.get(rollout=rollout, position=0)
        assert (stage.state, stage.hold) == ("leaving", "waits for 1 approval")
        groups = why_not.why_not_groups(actor=world.sam.actor)
        assert [(one["code"], one["reason"], one["targets"]) for one in groups] == [
            ("stage", "waits for 1 approval", 2)
        ]
        gate = Gate.objects.get(stage=stage)
        services.approve_gate(actor=world.sam.actor, rollout_id=rollout.id, gate_id=gate.pk)
        with refused("approved_already"):
            services.approve_gate(actor=world.sam.actor, rollout_id=rollout.id, gate_id=gate.pk)
        tick()
        assert len(upgrades.begun) == 2


def test_two_approvals_are_two_peoples_whatever_tokens_they_use(world: World) -> None:
    fleet(world.shop, [world.landscape], 1)
    plan = {"stages": [{"name": "rest", "before": [{"kind": "approval", "approvers": 2}]}]}
    sam, user = world.sam.actor, world.sam.user
    another_sre = User.objects.create(username="ada", platform_role="sre")
    rollout = started(world, plan=plan)
    tick()
    gate = Gate.objects.get(stage__rollout=rollout)

    def approve(actor: Actor) -> None:
        services.approve_gate(actor=actor, rollout_id=rollout.id, gate_id=gate.pk)

    def token(name: str, owner: User | None) -> Actor:
        row = ApiToken.objects.create(
            name=name, prefix=name, digest=name.encode(), platform_role="sre", created_by_user=owner
        )
        return replace(sam, name=f"token:{name}", user_id=None, token_id=row.pk)

    approve(replace(sam, user_id=user.pk, token_id=None))
    with refused("approved_already"):
        approve(token("ci", user))
    with refused("approval_needs_person"):
        approve(token("installed", None))
    with upgrading(Upgrades()) as upgrades:
        tick()
        assert not upgrades.begun
        approve(token("hers", another_sre))
        tick()
        assert len(upgrades.begun) == 1


def test_the_breaker_halts_a_release_that_makes_runtimes_ill_and_no_other(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 40)
    clock = {"now": datetime.now(UTC)}
    with upgrading(Upgrades(seconds=lambda _: 0.0, clock=lambda: clock["now"])) as upgrades:
        half = {"name": "half", "share": "50%", "after": [{"kind": "approval"}]}
        rollout = started(world, plan={"stages": [half, {"name": "rest"}], "max_concurrency": "100%"})
        tick(clock=clock["now"])
        upgrades.end_due(clock["now"])
        tick(clock=clock["now"])
        upgraded = {one for _, one in upgrades.begun[:20]}
        set_status(runtimes[::4], "unhealthy")  # a bad day for a quarter of all
        clock["now"] += timedelta(minutes=1)
        tick(clock=clock["now"])
        assert state(rollout) == "running"
        set_status(runtimes, "ready")
        set_status([one for one in runtimes if one.pk in upgraded], "unhealthy")
        clock["now"] += timedelta(minutes=1)
        tick(clock=clock["now"])
    assert state(rollout) == "halted"
    assert rollout.hold.startswith("Breaker:")
    assert (
        reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id).health[-1].upgraded_unhealthy == 20
    )


def test_a_tenants_window_holds_its_runtimes_and_says_until_when(world: World) -> None:
    one = fleet(world.shop, [world.landscape], 1)[0]
    fleet(world.main, [world.landscape], 1)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(NOW + timedelta(days=2)).weekday()]
    owner = services.Owner(tenant_id=world.archipel.id)
    with refused("forbidden"):
        services.add_window(
            actor=world.bob.actor, owner=owner, days=[day], begin="02:00", end="03:00", time_zone="UTC"
        )
    services.add_window(
        actor=world.alice.actor, owner=owner, days=[day], begin="02:00", end="03:00", time_zone="UTC"
    )
    with upgrading(Upgrades()) as upgrades:
        started(world, plan=no_gates("rest", max_concurrency="100%"))
        tick()
        assert len(upgrades.begun) == 1
        chain = why_not.why_not(actor=world.alice.actor, runtime_id=one.pk)[0]
        assert chain.links[0].code == "window"
        assert chain.links[0].until
        with refused("runtime_not_found"):
            why_not.why_not(actor=world.bob.actor, runtime_id=one.pk)
        tick(clock=chain.links[0].until + timedelta(minutes=1))
        assert len(upgrades.begun) == 2


def test_a_tenant_defers_thirty_days_of_ninety_and_no_more(world: World) -> None:
    owner = services.Owner(tenant_id=world.archipel.id)

    def exclude(first: int, days: int) -> None:
        services.add_exclusion(
            actor=world.alice.actor, owner=owner, begins_at=NOW + timedelta(days=first),
            ends_at=NOW + timedelta(days=first + days), reason="our season",
        )  # fmt: skip

    exclude(1, 20)
    exclude(30, 10)
    with refused("deferral_exhausted"):
        exclude(50, 2)
    exclude(130, 20)


def test_deferrals_of_a_tenant_its_plan_and_one_runtime_count_together(world: World) -> None:
    one, two = fleet(world.shop, [world.landscape], 2)
    whole = services.Owner(tenant_id=world.archipel.id)
    aws = services.Owner(tenant_id=world.archipel.id, plan="aws")

    def exclude(owner: services.Owner, first: int, days: int) -> Exclusion:
        return services.add_exclusion(
            actor=world.alice.actor, owner=owner, begins_at=datetime.now(UTC) + timedelta(days=first),
            ends_at=datetime.now(UTC) + timedelta(days=first + days), reason="our season",
        )  # fmt: skip

    exclude(services.Owner(runtime_id=one.pk), 1, 15)
    exclude(aws, 20, 10)
    exclude(services.Owner(runtime_id=two.pk), 1, 15)
    for owner in (whole, aws, services.Owner(runtime_id=one.pk)):
        with refused("deferral_exhausted"):
            exclude(owner, 40, 6)
    exclude(services.Owner(tenant_id=world.archipel.id, plan="azure"), 40, 6)
    exclude(whole, 22, 5)  # days that are shut already are counted once


def test_a_deferral_that_has_begun_ends_when_it_is_removed_and_stays_counted(world: World) -> None:
    owner = services.Owner(tenant_id=world.archipel.id)
    began = Exclusion.objects.create(
        tenant=world.archipel, begins_at=NOW - timedelta(days=25), ends_at=NOW + timedelta(days=5), reason="season",
        created_by="t",
    )  # fmt: skip
    with tenant_scope(world.archipel.id):
        services.remove_exclusion(actor=world.alice.actor, exclusion_id=began.pk)
        assert not services.exclusions_of(actor=world.alice.actor, owner=owner).exists()
        with refused("exclusion_over"):
            services.remove_exclusion(actor=world.alice.actor, exclusion_id=began.pk)
        with refused("deferral_exhausted"):
            services.add_exclusion(
                actor=world.alice.actor, owner=owner, begins_at=NOW + timedelta(days=1),
                ends_at=NOW + timedelta(days=7), reason="again",
            )  # fmt: skip


def test_who_is_left_behind_is_listed_until_somebody_answers_by_name(world: World) -> None:
    one, two = fleet(world.shop, [world.landscape, landscape("other")], 2)
    rows = why_not.left_behind(actor=world.sam.actor)
    assert {row["id"] for row in rows} == {one.pk, two.pk}
    with refused("expiry_invalid"):
        services.waive_runtime(
            actor=world.sam.actor, runtime_id=one.pk, owner="ada@example.org", reason="old", expires_at=NOW
        )
    services.waive_runtime(
        actor=world.sam.actor, runtime_id=one.pk, owner="ada@example.org", reason="migrates in May",
        expires_at=datetime.now(UTC) + timedelta(days=9),
    )  # fmt: skip
    assert [row["id"] for row in why_not.left_behind(actor=world.sam.actor, waived=False)] == [two.pk]
    assert why_not.left_behind(actor=world.sam.actor, waived=True)[0]["waiver_owner"] == "ada@example.org"
    assert [(one.release, one.runtimes) for one in why_not.version_histogram(actor=world.sam.actor)] == [
        ("2026.9.1", 2)
    ]


def test_what_the_door_refuses_goes_back_with_its_words_and_holds_no_place(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 12)

    def refuses(runtime_id: object) -> None:
        if runtime_id == runtimes[3].pk:
            raise Refused("upgrade_blocked", "A webhook catches platform requests; remove it.", status=409)

    with upgrading(Upgrades(refuses=refuses)):
        rollout = started(world, plan=no_gates("rest", max_concurrency="100%"))
        tick()
    blocked = Target.objects.get(rollout=rollout, state="blocked")
    assert (blocked.runtime_id, blocked.reason_code) == (runtimes[3].pk, "upgrade_blocked")
    assert states(rollout)["running"] == 11
    found = reading.list_targets(
        actor=world.sam.actor,
        rollout_id=rollout.id,
        narrowed=reading.TargetFilter(state="blocked", tenant="archipel"),
    )
    assert [one.pk for one in found] == [blocked.pk]


def test_a_search_for_a_common_word_finds_every_target_in_its_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world.main, [world.landscape], 4)
    runtimes = fleet(world.shop, [world.landscape], 4)
    rollout = started(world, selector="tenant=archipel", plan=no_gates("rest", order="name"))

    def found(text: str) -> list[str]:
        narrowed = reading.TargetFilter(search=text)
        targets = reading.list_targets(actor=world.sam.actor, rollout_id=rollout.id, narrowed=narrowed)
        return [one.runtime.name for one in targets]

    every = [one.name for one in runtimes]
    for most in (1000, 3):
        monkeypatch.setattr(reading, "FOUND_BY_NAME", most)
        assert (found("r"), found("shop 00002"), found("nobody")) == (every, every[2:3], [])


def test_the_health_chart_of_a_long_rollout_keeps_its_beginning_and_every_turn(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 12)
    clock = {"now": datetime.now(UTC)}
    with upgrading(Upgrades(seconds=lambda _: 10.0, clock=lambda: clock["now"])) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1, breaker=False))
        Rollout.objects.update(started_at=clock["now"] - timedelta(hours=10))

        def passes(times: int) -> list[tuple[int, int]]:
            for _ in range(times):
                upgrades.end_due(clock["now"])
                tick(clock=clock["now"])
                clock["now"] += timedelta(seconds=20)
            view = reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.id)
            return [(one.upgraded, one.upgraded_unhealthy) for one in view.health]

        assert passes(6) == [(0, 0), (5, 0)], "the last one moves along"
        ill = Target.objects.filter(rollout=rollout, state="succeeded").values_list("runtime", flat=True)[0]
        set_status([one for one in runtimes if one.pk == ill], "unhealthy")
        assert passes(3) == [(0, 0), (5, 0), (6, 1), (8, 1)]
        set_status(runtimes, "ready")
        assert passes(1) == [(0, 0), (5, 0), (6, 1), (8, 1), (9, 0)]


def test_a_runtime_that_comes_later_joins_the_last_stage(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    with upgrading(Upgrades()):
        rollout = started(world, plan=no_gates(1, "rest"))
        fleet(world.main, [world.landscape], 1)
        tick(clock=datetime.now(UTC) + timedelta(minutes=2))
    assert Target.objects.filter(rollout=rollout).count() == 3
    assert Target.objects.get(rollout=rollout, runtime__account=world.main).stage.position == 1


def test_who_stays_where_its_channel_was_is_left_behind_and_who_is_pinned_there_is_not(world: World) -> None:
    regular, fast = (snapshot().releases[one].key for one in ("regular", "fast"))
    here = {"spec": {"parameters": {"channel": "fast"}, "hibernated": False, "release": release(regular)}}
    there = {"spec": {"parameters": {"channel": "regular"}, "hibernated": False, "release": release(regular)}}
    behind, pinned = fleet(world.shop, [world.landscape], 2, **here)
    Runtime.objects.filter(pk=pinned.pk).update(pinned=regular)
    fleet(world.lab, [world.landscape], 1, **there)
    rows = why_not.left_behind(actor=world.sam.actor)
    assert [(row["id"], row["channel"], row["release"]) for row in rows] == [(behind.pk, "fast", regular)]
    assert why_not.left_behind(actor=world.sam.actor, release=fast) == []
    assert why_not.behind_their_channel(actor=world.sam.actor) == {regular: 1}
    page = browse(world.sam).get("/fleet/left-behind").content.decode()
    assert behind.name in page
    assert "follows fast" in page
