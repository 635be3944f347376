"""No face stays outside the walk over roles and tenants."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from django.urls import URLPattern, URLResolver

from controlplane.config.urls import urlpatterns
from tests.matrix import FACES, patterns_of

OF_MACHINES = {"healthz", "readyz", "metrics"}  # no rows of tenants, and nobody signs in


def test_every_face_has_a_table_with_a_row_for_each_of_its_addresses() -> None:
    included = [pattern.urlconf_module for pattern in urlpatterns if isinstance(pattern, URLResolver)]
    faces = {face.__name__: face for face in included if isinstance(face, ModuleType)}
    assert len(faces) == len(included)
    assert set(faces) == set(FACES)
    for name, face in faces.items():
        rows = import_module(FACES[name]).ROWS
        assert {pattern.name for pattern in patterns_of(face.urlpatterns)} == {
            row.split()[0] for row, _ in rows
        }


def test_every_other_address_is_for_machines() -> None:
    assert {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern)} == OF_MACHINES
