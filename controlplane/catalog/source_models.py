"""The tables of what modules are made of where a build does not make them itself."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class ModuleVersion(models.Model):
    """A version of a module with a source; fields as in `catalog.sourced.SourcedVersion`.

    It may change until a published release names it, and its bytes are there: PostgreSQL refuses both otherwise, by the trigger
    catalog_moduleversion_stays and by a column `digest`, computed from the source, that refers to `Content`.
    """

    key = models.CharField(primary_key=True, max_length=160)
    module = models.ForeignKey("catalog.Module", on_delete=models.PROTECT, related_name="versions")
    implementation = models.CharField(max_length=31)
    version = models.CharField(max_length=63)
    source: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField()
    namespace = models.CharField(max_length=63, blank=True, default="")
    chart_values: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    setting_paths: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    resources: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    footprint: models.JSONField[dict[str, int], dict[str, int]] = models.JSONField(default=dict)

    class Meta:
        ordering = ("key",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["module", "implementation", "version"], name="catalog_moduleversion_once"
            ),  # releases refer to a version by these three
        ]

    def __str__(self) -> str:
        return self.key


class Content(models.Model):
    """Bytes by their digest, as every worker finds them; PostgreSQL itself proves the digest and bounds the size.

    Of a chart in a registry there are two: its manifest, which the catalog names, and the chart, which the manifest names.
    Neither goes while a version names it: catalog_moduleversion_has_its_content, catalog_content_has_its_chart.
    """

    digest = models.CharField(primary_key=True, max_length=71)
    content = models.BinaryField()
    origin = models.CharField(max_length=2048)
    fetched_at = models.DateTimeField()
    chart = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,  # the migration has one that is asked at once
    )

    def __str__(self) -> str:
        return self.digest
