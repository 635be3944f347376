"""What a room asks rooms above it is answered at start-up: an empty port is a question that nobody hears."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Whose own answer is the product's, and which only tests replace.
ANSWERS_ITSELF = {"provisioner.rollouts.ports.begin"}


def ports() -> Iterator[tuple[str, ModuleType, Any]]:
    """Yield every port with the module that declares it: what `ports.py` names with a type and a value of its own."""
    for room in ("controlplane", "provisioner", "billing"):
        for path in sorted((ROOT / room).rglob("ports.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            module = import_module(name)
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    yield f"{name}.{node.target.id}", module, getattr(module, node.target.id)


def is_empty(module: ModuleType, answer: Any) -> bool:
    """Whether there is no answer but the one for installations that lack whoever knows."""
    if answer is None or answer == []:
        return True
    return callable(answer) and getattr(answer, "__module__", "") == module.__name__


def test_every_port_is_filled_when_the_applications_are_ready() -> None:
    found = {name: is_empty(module, answer) for name, module, answer in ports()}
    assert {
        "provisioner.rollouts.ports.footprint_change",
        "provisioner.lifecycle.ports.preflight",
    } <= found.keys()
    assert sorted(name for name, empty in found.items() if empty) == sorted(ANSWERS_ITSELF)
