"""A migration that only adds something builds no more than the class it adds to: all of them take a tenth of a second."""

from __future__ import annotations

from django.db.migrations.state import ModelState, StateApps
from django.db.models import BigAutoField, TextField

from controlplane.config.migrating import LeanState


def a_model(name: str) -> ModelState:
    return ModelState("places", name, [("id", BigAutoField(primary_key=True))])


def test_fields_added_in_a_row_leave_the_classes_before_them_as_they_are() -> None:
    state = LeanState({("places", "town"): a_model("Town")})
    state.apps.check_models_ready()
    state.add_model(a_model("Road"))
    for name in ("length", "width"):
        before = state.clone()
        state.add_field("places", "road", name, TextField(), preserve_default=True)
        assert built(before) == built(state) - {name}


def built(state: LeanState) -> set[str]:
    """The fields of the class that stands; none is built for this."""
    assert "apps" in state.__dict__, "every class is to be built anew"
    apps: StateApps = state.__dict__["apps"]
    return {field.name for field in apps.get_model("places", "Road")._meta.get_fields()}


def test_what_changes_a_field_behind_them_gets_every_class_anew() -> None:
    state = LeanState({("places", "town"): a_model("Town")})
    first = state.apps
    state.add_model(a_model("Road"))
    before = state.clone()
    state.alter_field("places", "road", "id", TextField(primary_key=True), preserve_default=True)
    assert "apps" not in state.__dict__
    assert "apps" not in before.__dict__
    assert state.apps is not first
