"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db import models

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("controlplane", "provisioner", "billing")
MODULE_LINES = 300
FUNCTION_LINES = 40
BANNED_NAMES = {"utils", "helpers", "manager", "common", "misc"}

# Foreign keys point down the map, like imports.
FLOORS: dict[str, float] = {
    "tenants": 1,
    "catalog": 2,
    "identity": 2,
    "notices": 2,
    "landscapes": 3,
    "runtimes": 4,
    "modules": 4.5,
    "operations": 5,
    "lifecycle": 6,
    "findings": 6.5,
    "observer": 7,
    "rollouts": 7,
    "usage": 7.1,
    "books": 7.2,
    "statements": 7.4,
    "costs": 7.5,
    "exports": 7.6,
    "footprint": 7.4,
    "trials": 8,
    "osb": 9,
    "api": 9,
    "console": 9,
}
FRAMEWORK = {"auth", "contenttypes", "sessions"}


def product_files() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_a_module_stays_small_enough_to_read() -> None:
    assert not [named(path) for path in product_files() if len(path.read_text().splitlines()) > MODULE_LINES]


def test_a_function_fits_on_one_screen() -> None:
    long = [
        f"{named(path)}: {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path in product_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long


def test_a_name_says_what_is_inside() -> None:
    unclear = [path for path in product_files() if BANNED_NAMES & {path.stem, *path.relative_to(ROOT).parts}]
    assert not unclear


def test_every_room_says_what_it_is_for() -> None:
    silent = [
        named(path)
        for path in product_files()
        if path.name == "__init__.py"
        and not {"management", "commands"} & set(path.parts)
        and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def test_nothing_listens_to_model_signals() -> None:
    listening = [
        named(path)
        for path in product_files()
        if re.search(r"\b(post_save|pre_save|post_delete|pre_delete|m2m_changed)\b", path.read_text())
    ]
    assert not listening


def test_celery_is_known_only_to_tasks_and_config() -> None:
    knowing = [
        named(path)
        for path in product_files()
        if re.search(r"^\s*(from|import) celery", path.read_text(), re.MULTILINE)
        and path.name != "tasks.py"
        and "config" not in path.parts
    ]
    assert not knowing


def test_foreign_keys_point_down_the_map() -> None:
    upward = [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for model in apps.get_models()
        if model._meta.app_label in FLOORS
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.OneToOneField | models.ManyToManyField)
        and field.related_model._meta.app_label not in FRAMEWORK
        and FLOORS[field.related_model._meta.app_label] > FLOORS[model._meta.app_label]
    ]
    assert not upward


def test_every_app_with_rows_has_a_floor() -> None:
    ours = {model._meta.app_label for model in apps.get_models() if model.__module__.startswith(ROOMS)}
    assert ours <= set(FLOORS)


def test_a_kubeconfig_is_never_loaded_by_the_clients_own_loader() -> None:
    # The loader runs `users[].exec` and reads local files that the text names.
    banned = re.compile(r"\b(load_kube_config|new_client_from_config)")
    assert not [named(path) for path in product_files() if banned.search(path.read_text())]
