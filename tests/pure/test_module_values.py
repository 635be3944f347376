"""What a tenant sets reaches a chart where the catalogue says, in the form that the chart wants, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.modules.registry import all_modules
from provisioner.modules.sources.values import chart_values, variants
from tests.sourcing import asked, version

FIXED = {"broker": {"image": "registry.example.com/b:1", "retention": "1h"}, "replicas": 1}


def given(paths: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return chart_values(version(values=FIXED, settings=paths), asked(**settings))


@pytest.mark.parametrize(
    ("target", "hours", "found"),
    [
        ("broker.retention", 7, 7),
        ({"path": "broker.retention", "text": "{}h"}, 7, "7h"),
        ({"path": "broker.retention", "choices": {"7": "a week"}}, 7, "a week"),
        ({"path": "broker.retention", "choices": {"7": "a week"}}, 8, 8),
    ],
)
def test_a_setting_goes_where_and_as_the_catalogue_says(target: Any, hours: int, found: Any) -> None:
    values = given({"retentionHours": target}, retentionHours=hours)
    assert values == {"broker": {"image": "registry.example.com/b:1", "retention": found}, "replicas": 1}
    assert FIXED["broker"] == {"image": "registry.example.com/b:1", "retention": "1h"}, (
        "the catalogue's own stays"
    )


def test_truth_is_written_as_yaml_writes_it() -> None:
    paths = {"highAvailability": {"path": "replicas", "choices": {"true": 3, "false": 1}}}
    assert given(paths, highAvailability=True)["replicas"] == 3
    assert given(paths)["replicas"] == 1


def test_a_path_makes_the_way_to_it_and_facts_of_the_cluster_can_be_named() -> None:
    values = given({"cluster.name": "global.cluster.name", "cluster.nodes": "replicas.most"})
    assert values["global"] == {"cluster": {"name": "isle"}}
    assert values["replicas"] == {"most": 3}, "what was no section becomes one"


def test_a_chart_is_tried_with_every_choice_of_what_reaches_it() -> None:
    paths = {"highAvailability": "ha", "retentionHours": "retention"}
    tried = variants(
        version(settings=paths), all_modules()["eventing"], {"highAvailability": False, "retentionHours": 24}
    )
    assert tried == [
        {"highAvailability": False, "retentionHours": 24},
        {"highAvailability": True, "retentionHours": 24},
    ]
