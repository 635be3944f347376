"""deploy/settings.md names every environment variable that the settings read, once, with its default."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \| .+ \|$", re.MULTILINE)


def documented() -> list[tuple[str, str]]:
    return ROW.findall((ROOT / "deploy" / "settings.md").read_text())


def written(default: ast.expr) -> str | None:
    """Return a default as a person would write it into the environment, or None when it is computed."""
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return None
    if isinstance(value, list):
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value}`" if value != "" else "(empty)"


def read_by_the_settings() -> dict[str, str | None]:
    tree = ast.parse((ROOT / "controlplane" / "config" / "settings.py").read_text())
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found: dict[str, str | None] = {}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "env":
            name = ast.literal_eval(node.args[0])
            default = next(keyword.value for keyword in node.keywords if keyword.arg == "default")
            if isinstance(default, ast.Name) and default.id in constants:
                default = constants[default.id]
            found[name] = written(default)
    return found


def test_every_setting_is_documented_and_none_is_invented() -> None:
    text = (ROOT / "deploy" / "settings.md").read_text().split("## Of make")[0]
    assert {name for name, _default in ROW.findall(text)} == set(read_by_the_settings())


def test_each_is_documented_once() -> None:
    assert [name for name, times in Counter(name for name, _ in documented()).items() if times > 1] == []


def test_documented_defaults_are_the_real_ones() -> None:
    defaults = dict(documented())
    wrong = {
        name: (defaults.get(name), default)
        for name, default in read_by_the_settings().items()
        if default is not None and defaults.get(name) != default
    }
    assert not wrong
