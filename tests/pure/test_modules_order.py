"""Modules are put in the order of their needs, and what can't be together is refused with the way out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.modules.base import Implementation, Module
from provisioner.modules.ordering import find_cycle, in_order, objections

NOTHING = {"plain": Implementation("Nothing", lambda _: [])}
KEYS = [f"m{number}" for number in range(8)]


def module(key: str, *needs: str, mandatory: bool = False, conflicts: str = "") -> Module:
    why = dict.fromkeys(conflicts.split(), "they fight")
    return Module(key, "us", NOTHING, requires=needs, conflicts=why, mandatory=mandatory)


def catalogue(*modules: Module) -> dict[str, Module]:
    return {one.key: one for one in modules}


graphs = st.dictionaries(st.sampled_from(KEYS), st.sets(st.sampled_from(KEYS), max_size=3), min_size=1)


@given(graphs)
@settings(max_examples=150, deadline=None)
def test_any_graph_is_put_in_order_or_its_circle_is_named(graph: dict[str, set[str]]) -> None:
    modules = {key: module(key, *sorted(needs & graph.keys())) for key, needs in graph.items()}
    circle = find_cycle(graph, modules)
    found = objections(graph, modules)
    if circle:
        # It really is one: each needs the next, and the last the first.
        for one, other in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert other in modules[one].requires
        assert [one.code for one in found] == ["module_cycle"]
        assert " → ".join((*circle, circle[0])) in found[0].detail
        return
    order = in_order(graph, modules)
    assert sorted(order) == sorted(graph)
    assert all(order.index(need) < order.index(key) for key in order for need in modules[key].requires)
    assert order == in_order(sorted(graph, reverse=True), modules)
    assert not found


def test_mandatory_modules_come_before_those_that_are_as_free_as_they() -> None:
    modules = catalogue(module("a"), module("z", mandatory=True), module("b", "z"))
    assert in_order(modules, modules) == ("z", "a", "b")


def test_a_missing_need_says_what_to_choose_as_well() -> None:
    modules = catalogue(module("roof", "wall"), module("wall"))
    assert [(one.code, one.module) for one in objections(["roof"], modules)] == [("module_requires", "roof")]
    assert "choose wall as well" in objections(["roof"], modules)[0].detail


def test_a_conflict_is_told_once_whichever_of_the_two_names_the_other() -> None:
    for modules in (
        catalogue(module("a", conflicts="b"), module("b")),
        catalogue(module("a"), module("b", conflicts="a")),
        catalogue(module("a", conflicts="b"), module("b", conflicts="a")),
    ):
        assert [one.detail for one in objections(modules, modules)] == [
            "Modules a and b can't be together: they fight. Choose one."
        ]
        assert not objections(["a"], modules)


def test_an_unknown_module_hides_no_other_fault() -> None:
    modules = catalogue(module("a", "b"), module("b"))
    assert [one.code for one in objections(["a", "x"], modules)] == ["module_unknown", "module_requires"]
