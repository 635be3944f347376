"""What tenants may call their runtimes."""

from __future__ import annotations

import pytest

from controlplane.kernel.errors import Refused
from provisioner.lifecycle.naming import LONGEST_NAME, check_labels, check_name


@pytest.mark.parametrize("name", ["a", "shop", "shop-2", "a" * LONGEST_NAME])
def test_a_good_name_passes(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "Shop", "2shop", "shop-", "-shop", "sh op", "shöp", "a_b", "shop\n", "a\x00b"]
)
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_name(name)
    assert refused.value.code == "name_invalid"
    assert refused.value.errors[0].field == "name"


def test_a_name_over_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(Refused, match=str(LONGEST_NAME)) as refused:
        check_name("a" * (LONGEST_NAME + 1))
    assert refused.value.code == "name_too_long"


@pytest.mark.parametrize("labels", [{}, {"env": "prod"}, {"example.org/team": "Sea_1"}, {"empty": ""}])
def test_good_labels_pass(labels: dict[str, str]) -> None:
    check_labels(labels)


@pytest.mark.parametrize("labels", [{"": "x"}, {"-a": "x"}, {"a": "-"}, {"UP.x/y": "z"}, {"a": "x" * 64}])
def test_malformed_labels_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        check_labels(labels)
    assert refused.value.code == "label_invalid"


def test_every_faulty_label_is_named() -> None:
    with pytest.raises(Refused) as refused:
        check_labels({"good": "1", "-bad": "1", "nesoi.dev/x": "1"})
    assert [error.field for error in refused.value.errors] == ["labels.-bad", "labels.nesoi.dev/x"]


def test_the_platforms_own_labels_are_reserved() -> None:
    with pytest.raises(Refused) as refused:
        check_labels({"nesoi.dev/runtime": "x"})
    assert refused.value.code == "label_reserved"


def test_too_many_labels_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        check_labels({f"k{i}": "v" for i in range(31)})
    assert refused.value.code == "too_many_labels"
