"""Every driver says what must happen next when the landscape refuses, fails, slows down or falls silent."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.drivers.base import LandscapeAccess, Situation
from provisioner.drivers.registry import connect
from tests.contracts.drivers import Ground, later, ref


def failing(code: str, operation: str = "Create") -> list[dict[str, object]]:
    return [{"code": code, "rate": 1.0, "operation": operation}]


@pytest.mark.parametrize(
    ("code", "audience"),
    [
        ("ERR_INFRA_QUOTA_EXCEEDED", Audience.SRE),
        ("ERR_INFRA_UNAUTHORIZED", Audience.SRE),
        ("ERR_CONFIGURATION_PROBLEM", Audience.TENANT),
    ],
)
def test_a_lasting_failure_names_its_code_and_who_can_act(
    ground: Ground, code: str, audience: Audience
) -> None:
    cluster = ground.wish()
    with ground.trouble().set(failures=failing(code)):
        ground.driver.ensure(cluster)
        seen = ground.until(cluster, lambda seen: seen.situation is Situation.FAILED)
        told = ground.driver.ensure(cluster)
    assert [(fault.code, fault.passing, fault.audience) for fault in seen.faults] == [(code, False, audience)]
    assert told.situation is Situation.FAILED  # whoever waits must hear of it before it is tried again
    ground.driver.ensure(cluster)  # asking once more means that somebody has mended it
    ground.until(cluster, lambda seen: seen.situation is Situation.READY)


def test_a_removal_that_failed_is_told_and_then_tried_again(ground: Ground) -> None:
    cluster = ground.wish()
    ground.trouble()
    ground.ready(cluster)
    with ground.trouble().set(failures=failing("ERR_CLEANUP_CLUSTER_RESOURCES", "Delete")):
        ground.driver.ensure_absent(ref(cluster))
        ground.until(cluster, lambda seen: seen.situation is Situation.FAILED)
    told = ground.driver.ensure_absent(ref(cluster))
    assert (told.situation, told.faults[0].audience) == (Situation.FAILED, Audience.TENANT)
    ground.remove(cluster)


def test_a_failure_that_may_pass_is_tried_again_by_asking_again(ground: Ground) -> None:
    cluster = ground.wish()
    with ground.trouble().set(failures=failing("ERR_INFRA_RESOURCES_DEPLETED")):
        ground.driver.ensure(cluster)
        seen = ground.until(cluster, lambda seen: bool(seen.faults))
    assert all(fault.passing for fault in seen.faults)
    deadline = time.monotonic() + 20
    while ground.driver.observe(ref(cluster)).situation is not Situation.READY:
        assert time.monotonic() < deadline
        ground.driver.ensure(cluster)
        time.sleep(0.05)


def test_a_changed_wish_starts_a_failed_cluster_anew(ground: Ground) -> None:
    cluster = ground.wish()
    with ground.trouble().set(failures=failing("ERR_CONFIGURATION_PROBLEM")):
        ground.driver.ensure(cluster)
        ground.until(cluster, lambda seen: seen.situation is Situation.FAILED)
    mended = later(cluster, pools=(replace(cluster.pools[0], maximum=4),))
    ground.driver.ensure(mended)
    ground.until(mended, lambda seen: seen.situation is Situation.READY)


def test_what_the_landscape_finds_invalid_is_fatal_and_says_which_field(ground: Ground) -> None:
    ground.trouble()
    with pytest.raises(Fatal, match=r"machine\.type") as caught:
        ground.driver.ensure(ground.wish(pools=(replace(ground.wish().pools[0], machine_type="no-such"),)))
    assert (caught.value.code, caught.value.audience) == ("invalid", Audience.SRE)


def test_a_cluster_that_is_going_is_waited_for(ground: Ground) -> None:
    cluster = ground.wish()
    ground.ready(cluster)
    with ground.trouble().set(delete_seconds=60):
        ground.driver.ensure_absent(ref(cluster))
        with pytest.raises(Retry) as caught:
            ground.driver.ensure(cluster)
        assert caught.value.code == "being_deleted"
        assert not caught.value.landscape_fault


def test_too_many_calls_are_answered_by_waiting_as_long_as_asked(ground: Ground) -> None:
    with ground.trouble().set(rate_limit_per_second=1), pytest.raises(Retry) as caught:  # noqa: PT012
        began = time.monotonic()
        for _ in range(50):
            ground.driver.observe(ref(ground.wish()))
    ground.made.clear()
    assert caught.value.code == "rate_limited"
    assert caught.value.after is not None
    assert caught.value.after.total_seconds() >= 1
    assert not caught.value.landscape_fault
    assert time.monotonic() - began < 5  # the driver itself never waits


@pytest.mark.parametrize("mode", ["503", "hang", "close"])
def test_a_landscape_that_is_away_is_a_passing_fault_of_its_own(ground: Ground, mode: str) -> None:
    cluster = ground.wish()
    driver = ground.impatient(1.0)
    driver.observe(ref(cluster))
    ground.trouble().outage(30, mode)
    began = time.monotonic()
    try:
        with pytest.raises(Retry) as looking:
            driver.observe(ref(cluster))
        with pytest.raises(Retry) as asking:
            driver.ensure(cluster)
    finally:
        ground.trouble().outage(0, mode)
    assert looking.value.landscape_fault
    assert asking.value.landscape_fault
    assert time.monotonic() - began < 6
    assert driver.observe(ref(cluster)).situation is Situation.ABSENT


def test_errors_of_the_server_are_tried_again(ground: Ground) -> None:
    with ground.trouble().set(error_500_rate=1.0), pytest.raises(Retry) as caught:
        ground.driver.observe(ref(ground.wish()))
    ground.made.clear()
    assert caught.value.landscape_fault


def changed_file(ground: Ground, folder: Path, old: str, new: str) -> LandscapeAccess:
    path = folder / "kubeconfig.yaml"
    text = Path(ground.access.credentials_path).read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return replace(ground.access, key=f"{ground.access.key}-{folder.name}", credentials_path=str(path))


def test_an_address_where_nobody_listens_is_a_fault_of_the_landscape(ground: Ground, tmp_path: Path) -> None:
    access = changed_file(ground, tmp_path, f":{ground.trouble().port}", ":1")
    with pytest.raises(Retry) as caught:
        connect(kind=ground.kind, access=access).observe(ref(ground.wish()))
    assert caught.value.landscape_fault


def test_a_credentials_file_that_was_renewed_is_read_again(ground: Ground, tmp_path: Path) -> None:
    access = changed_file(ground, tmp_path, "apiVersion: v1", "apiVersion: v1")
    first = connect(kind=ground.kind, access=access)
    assert connect(kind=ground.kind, access=access) is first
    Path(access.credentials_path).write_text(Path(access.credentials_path).read_text() + "\n")
    assert connect(kind=ground.kind, access=access) is not first


def test_a_missing_credentials_file_is_named(ground: Ground) -> None:
    with pytest.raises(Fatal, match="/nonexistent/file can't be read"):
        connect(
            kind=ground.kind, access=replace(ground.access, key="x", credentials_path="/nonexistent/file")
        )


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Fatal, match="known are gardener"):
        connect(kind="nowhere", access=LandscapeAccess("x", {}, ""))
