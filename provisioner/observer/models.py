"""The rows of the observer's room."""

from __future__ import annotations

from django.db import models

from provisioner.landscapes.models import Landscape
from provisioner.runtimes.models import Runtime


class Drift(models.Model):
    """A cluster that is, or was lately, not as we said: what differs, and when it may be mended again.

    A row outlives its mending for a day, so that whoever keeps undoing what we mend is answered ever less often.
    """

    runtime = models.OneToOneField(Runtime, models.CASCADE, primary_key=True, related_name="+")
    landscape = models.ForeignKey(Landscape, models.CASCADE, related_name="+")
    fields = models.JSONField(default=list)  # paths in the landscape's words; empty: as wanted again
    seen_at = models.DateTimeField()
    repairs = models.PositiveIntegerField(default=0)  # begun, in a row
    due_at = models.DateTimeField()  # no repair before

    def __str__(self) -> str:
        return f"{self.runtime_id}: {', '.join(self.fields) or 'as wanted'}"
