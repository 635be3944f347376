"""Whether a release's file still says what was loaded from it: what is published never changes, wherever somebody edits."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from controlplane.catalog.loading.catalog import DATA, read_release
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.loading.releasing import MAY_MOVE, as_in_files
from controlplane.catalog.models import Release
from controlplane.kernel.errors import Refused

NOT_COMPARED = MAY_MOVE | {"draft"}  # people publish over the API, too


def folder() -> Path:
    """Return where the catalog's files are."""
    return Path(settings.CATALOG_DIR) if settings.CATALOG_DIR else DATA


def refuse_changed(key: str) -> None:
    """Raise Refused 409 (release_changed_on_disk) where the file of a release differs from its row; without a file, nothing does.

    One small file is read, whoever asks.
    """
    stored = Release.objects.filter(pk=key).values().first()
    try:
        file = read_release(folder(), key)
    except CatalogInvalidError as error:
        detail = (
            f"The file of release {key} is wrong: {error.faults[0].detail.rstrip('.')}. Mend or restore it."
        )
        raise _refused(detail) from error
    if stored is None or file is None:
        return
    row = as_in_files(dict(stored))
    changed = ", ".join(sorted(name for name in file if name not in NOT_COMPARED and file[name] != row[name]))
    if changed and stored["published_at"] is None:
        detail = (
            f"The file of release {key} has changed since it was loaded ({changed}): run `manage.py catalog apply`, look at the "
            "release again, then publish it."
        )
        raise _refused(detail)
    if changed:
        detail = (
            f"Release {key} was published and never changes, but releases/{key}.yaml says something else now ({changed}). "
            "Restore the file, and add a new release for what is to change."
        )
        raise _refused(detail)


def _refused(detail: str) -> Refused:
    return Refused("release_changed_on_disk", detail, field="release", status=409)
