"""Migrations of an empty database in a third of the time.

Django builds a model's class anew, and those of all that it is related to, after every operation of a migration: with a hundred
models around one tenant that is nearly all the time a first start takes. Making a table, a column, an index or a constraint
needs no more than the class itself.
"""

from __future__ import annotations

from typing import Any, Self

from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState


class LeanState(ProjectState):
    """Leaves classes as they are where something is only added; whatever else comes gets all of them anew.

    `is_delayed` is Django's own word for that: data migrations see to it by themselves that they get whole classes.
    """

    def __init__(self, models: Any = None, real_apps: Any = None) -> None:
        super().__init__(models, real_apps)
        self._stale = False
        self._before: LeanState | None = None  # what the operation under way calls its old state

    @classmethod
    def of(cls, state: ProjectState) -> Self:
        """Return the same state, with its classes still to be built."""
        return cls(models=state.models, real_apps=state.real_apps)

    def clone(self) -> LeanState:
        """Return a copy that shares the classes."""
        made = LeanState({key: model.clone() for key, model in self.models.items()}, self.real_apps)
        if "apps" in self.__dict__:
            made.__dict__["apps"] = self.apps.clone()
        made.is_delayed, made._stale = self.is_delayed, self._stale
        self._before = made
        return made

    def add_model(self, model_state: ModelState) -> None:
        """Build the class of the new model only: nothing points to it yet."""
        built = self.__dict__.pop("apps", None)
        super().add_model(model_state)
        self._build(built, model_state)

    def add_field(
        self, app_label: str, model_name: str, name: str, field: Any, preserve_default: bool
    ) -> None:
        """Build the class of the model only: whatever points to it does so by its key, as before."""
        built = self.__dict__.pop("apps", None)
        stale, self._stale = self._stale, False  # else Django's part forgets the old state's classes too
        super().add_field(app_label, model_name, name, field, preserve_default)
        self._stale = stale
        if built is not None:
            built.unregister_model(app_label, model_name)
        self._build(built, self.models[app_label, model_name])

    def _build(self, built: Any, model_state: ModelState) -> None:
        if built is not None:
            self.__dict__["apps"] = built
            built.render_multiple([model_state])
            self.is_delayed = self._stale = True

    def _append_option(self, app_label: str, model_name: str, option_name: str, obj: Any) -> None:
        options = self.models[app_label, model_name].options
        options[option_name] = [*options[option_name], obj]
        self.is_delayed = self._stale = True

    def reload_model(self, app_label: str, model_name: str, delay: bool = False) -> None:
        """Build the classes anew: of what is related, or of all when some were left as they were."""
        if not self._forget():
            super().reload_model(app_label, model_name, delay)

    def reload_models(self, models: Any, delay: bool = True) -> None:
        """Do so for several."""
        if not self._forget():
            super().reload_models(models, delay)

    def _forget(self) -> bool:
        was_stale, self._stale = self._stale, False
        if was_stale:
            self.__dict__.pop("apps", None)
            if self._before is not None:
                self._before._forget()  # noqa: SLF001 - one of us
        return was_stale


class LeanExecutor(MigrationExecutor):
    """Migrates with lean states."""

    def migrate(
        self,
        targets: Any,
        plan: Any = None,
        state: ProjectState | None = None,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Bring the database to the targets, from the state that the command gives; backwards Django makes its own states."""
        lean = None if state is None else LeanState.of(state)
        return super().migrate(targets, plan, lean, fake, fake_initial)
